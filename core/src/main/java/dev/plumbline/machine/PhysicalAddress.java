package dev.plumbline.machine;

/// An address in guest-physical memory, in bytes.
///
/// @param value the address; negative values do not occur on x86-64, whose physical addresses have at most 52 bits
public record PhysicalAddress(long value) implements Comparable<PhysicalAddress> {

    /// The address `bytes` further on.
    public PhysicalAddress plus(long bytes) {
        return new PhysicalAddress(value + bytes);
    }

    @Override
    public int compareTo(PhysicalAddress other) {
        return Long.compareUnsigned(value, other.value);
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(value);
    }
}
