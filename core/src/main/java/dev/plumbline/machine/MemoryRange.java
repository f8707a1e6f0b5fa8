package dev.plumbline.machine;

/// A run of guest-physical addresses backed by RAM.
///
/// @param start the first byte
/// @param sizeBytes its length, at least 1
public record MemoryRange(PhysicalAddress start, long sizeBytes) {

    /// The first byte behind the range.
    public PhysicalAddress end() {
        return start.plus(sizeBytes);
    }

    /// Whether all of `[address, address + lengthBytes)` lies in this range.
    public boolean contains(PhysicalAddress address, long lengthBytes) {
        long offset = address.value() - start.value();
        return offset >= 0 && lengthBytes >= 0 && offset <= sizeBytes - lengthBytes;
    }
}
