package dev.plumbline.kernel;

/// Code that the kernel has made while it runs.
///
/// @param owner what /proc/kallsyms gives as its module: `bpf`, `__builtin__ftrace`, `__builtin__kprobes`
/// @param name its symbol
/// @param start virtual address of the first byte
/// @param end of the first byte behind it
public record GeneratedRegion(String owner, String name, long start, long end) {

    /// Whether an address lies in it.
    public boolean contains(long address) {
        return address - start >= 0 && address - end < 0;
    }
}
