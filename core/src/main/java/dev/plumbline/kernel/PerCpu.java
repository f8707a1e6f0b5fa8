package dev.plumbline.kernel;

/// Where each CPU has its per-CPU data.
///
/// @param bases by CPU number: what to add to a per-CPU symbol's address; the CPU's gs base in kernel mode
/// @param online by CPU number: whether the kernel uses it now
/// @param possible by CPU number: whether it may ever be used; only such a CPU has a base
public record PerCpu(long[] bases, boolean[] online, boolean[] possible) {}
