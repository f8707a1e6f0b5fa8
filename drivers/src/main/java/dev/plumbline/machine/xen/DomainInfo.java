package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/// What Xen says of a domain (`xc_domaininfo_t` since Xen 4.17, 112 bytes): u16@0 id, u32@4 flags,
/// u32@68 highest vCPU, 16 bytes@76 handle.
///
/// @param id the domain's number; another one after a reboot
/// @param flags what it is and does
/// @param vcpuCount how many vCPUs it has, at least 1
/// @param handle its UUID, in hexadecimal
record DomainInfo(int id, int flags, int vcpuCount, String handle) {
    static final int SIZE_BYTES = 112;

    private static final int DYING = 1;
    private static final int HVM = 1 << 1;
    private static final int SHUT_DOWN = 1 << 2;
    private static final int PAUSED = 1 << 3;
    private static final int MOST_VCPUS = 4096;
    private static final int HANDLE = 76;

    static DomainInfo of(MemorySegment bytes) {
        byte[] handle = bytes.asSlice(HANDLE, 16).toArray(JAVA_BYTE);
        int highest = bytes.get(JAVA_INT, 68);
        return new DomainInfo(
                Short.toUnsignedInt(bytes.get(JAVA_SHORT, 0)),
                bytes.get(JAVA_INT, 4),
                Math.clamp(highest + 1L, 1, MOST_VCPUS),
                HexFormat.of().formatHex(handle));
    }

    /// Whether the same domain is meant, as long as it lives: numbers are given again after some time.
    boolean isSameAs(DomainInfo other) {
        return id == other.id && handle.equals(other.handle);
    }

    /// Whether it has ended, or is about to.
    boolean isGone() {
        return (flags & (DYING | SHUT_DOWN)) != 0;
    }

    /// Whether hardware virtualises it (HVM and PVH); else its kernel is a paravirtualised one.
    boolean isHardwareVirtualised() {
        return (flags & HVM) != 0;
    }

    boolean isPaused() {
        return (flags & PAUSED) != 0;
    }
}
