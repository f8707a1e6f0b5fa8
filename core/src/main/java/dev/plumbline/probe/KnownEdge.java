package dev.plumbline.probe;

/// An edge that is not worth telling, in edge mode.
///
/// @param site address of the probe site
/// @param returnAddress where the function is to return to
/// @param systemCall number of the system call, or what [EdgeContext] has for it
public record KnownEdge(long site, long returnAddress, int systemCall) {}
