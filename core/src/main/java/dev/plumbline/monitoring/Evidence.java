package dev.plumbline.monitoring;

/// Something a person can check.
///
/// @param what what was looked at: a place by symbol and offset
/// @param expected what should be there; empty where nothing can be said
/// @param found what is there: bytes with their disassembly, or where a pointer or a call leads
public record Evidence(String what, String expected, String found) {}
