package dev.plumbline.learning;

/// A function that was seen to run.
///
/// @param name as [dev.plumbline.extraction.FlowNames#function] names it
/// @param calls how often
/// @param flows in how many flows
public record LearntFunction(String name, long calls, long flows) {}
