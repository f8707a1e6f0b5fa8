package dev.plumbline.machine;

/// An address as guest code uses it, before the page-table walk.
///
/// @param value the 64 bits of the address; kernel addresses are negative as a signed number, so compare unsigned
public record VirtualAddress(long value) implements Comparable<VirtualAddress> {

    /// The address `bytes` further on.
    public VirtualAddress plus(long bytes) {
        return new VirtualAddress(value + bytes);
    }

    @Override
    public int compareTo(VirtualAddress other) {
        return Long.compareUnsigned(value, other.value);
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(value);
    }
}
