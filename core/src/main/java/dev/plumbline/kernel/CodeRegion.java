package dev.plumbline.kernel;

import java.lang.foreign.MemorySegment;

/// A run of executable kernel memory and the bytes it held when it was read.
///
/// @param owner `null` for the kernel itself, else the module's name
/// @param baseAddress virtual address of the first byte
/// @param bytes the code
public record CodeRegion(String owner, long baseAddress, MemorySegment bytes) {

    /// Virtual address of the first byte behind the region.
    public long endAddress() {
        return baseAddress + bytes.byteSize();
    }

    /// Whether the byte at the virtual address `address` belongs to the region.
    public boolean contains(long address) {
        long offset = address - baseAddress;
        return offset >= 0 && offset < bytes.byteSize();
    }
}
