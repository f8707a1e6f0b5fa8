package dev.plumbline.kernel;

/// Where the kernel image lies.
///
/// @param virtualBase virtual address of its first byte, the symbol `_text`
/// @param endAddress virtual address behind its last mapped byte
/// @param physicalBase guest-physical address of its first byte; the image is contiguous there
public record KernelImage(long virtualBase, long endAddress, long physicalBase) {
    /// Where kernels are linked to run: `__START_KERNEL_map` plus the default `CONFIG_PHYSICAL_START`.
    static final long LINK_BASE = 0xffff_ffff_8100_0000L;
    /// Start of the 1 GiB in which the image lies (`__START_KERNEL_map`).
    static final long WINDOW_START = 0xffff_ffff_8000_0000L;
    /// End of it; modules begin there or, without KASLR, at half of it.
    static final long WINDOW_END = 0xffff_ffff_c000_0000L;

    /// How far KASLR moved the kernel from its link address, in bytes; may be negative on a kernel linked higher up.
    public long kaslrSlide() {
        return virtualBase - LINK_BASE;
    }

    /// Its length, holes included.
    public long sizeBytes() {
        return endAddress - virtualBase;
    }

    /// Whether a virtual address lies in the image.
    public boolean contains(long address) {
        return Long.compareUnsigned(address, virtualBase) >= 0 && Long.compareUnsigned(address, endAddress) < 0;
    }

    static boolean inWindow(long address) {
        return Long.compareUnsigned(address, WINDOW_START) >= 0 && Long.compareUnsigned(address, WINDOW_END) < 0;
    }
}
