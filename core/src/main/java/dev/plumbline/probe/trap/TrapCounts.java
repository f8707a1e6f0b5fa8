package dev.plumbline.probe.trap;

/// What trap probes have done.
///
/// @param stops how often the guest stood still because of them
/// @param hits how often a vCPU stood at one
/// @param foreign how many of these were of no system call that is followed, nor led to one
/// @param emulated how many instructions were run in the vCPU's place
/// @param stepped how many the vCPU ran itself, the others standing still
/// @param dropped how many probes were taken out for want of room while they might have been needed
public record TrapCounts(long stops, long hits, long foreign, long emulated, long stepped, long dropped) {}
