package dev.plumbline.kernel;

/// A system call of the 64-bit table.
///
/// @param number its number, as in rax
/// @param name the kernel's name for it without `__x64_sys_`, e.g. `getdents64` or `newstat`
/// @param entryAddress where its function starts
public record SystemCall(int number, String name, long entryAddress) {}
