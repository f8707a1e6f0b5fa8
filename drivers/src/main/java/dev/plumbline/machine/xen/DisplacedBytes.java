package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;

/// The guest's own bytes in whose place breakpoints of ours stand, so that who reads the guest's memory reads what the
/// guest has put there.
final class DisplacedBytes {
    static final byte INT3 = (byte) 0xcc;

    private final TreeMap<Long, Byte> bytes = new TreeMap<>();

    /// A breakpoint stands there from now on.
    void add(PhysicalAddress place, byte own) {
        bytes.put(place.value(), own);
    }

    /// None stands there any more.
    void remove(PhysicalAddress place) {
        bytes.remove(place.value());
    }

    /// Puts the guest's own bytes in the place of breakpoints. One that the guest has written over is gone.
    ///
    /// @param start where it was read
    /// @param read what was read
    void show(PhysicalAddress start, MemorySegment read) {
        if (bytes.isEmpty()) {
            return;
        }
        for (Map.Entry<Long, Byte> own :
                bytes.subMap(start.value(), start.value() + read.byteSize()).entrySet()) {
            long offset = own.getKey() - start.value();
            if (read.get(JAVA_BYTE, offset) == INT3) {
                read.set(JAVA_BYTE, offset, own.getValue());
            }
        }
    }
}
