package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/// Frames of a domain, one behind the other, mapped here. A frame that is not there now is told, and never touched:
/// touching it would end this process.
final class FrameWindow {
    static final int PAGE_BYTES = 4096;
    private static final int READ = 1;
    private static final int READ_AND_WRITE = 3;

    private final MemorySegment mapped;
    private final MemorySegment bytes;
    private final BitSet there;
    private final int pages;
    private final boolean isWritable;
    private final long mappedAtNanos = System.nanoTime();

    private FrameWindow(MemorySegment mapped, BitSet there, int pages, boolean isWritable) {
        this.mapped = mapped;
        this.bytes = mapped.reinterpret((long) pages * PAGE_BYTES);
        this.there = there;
        this.pages = pages;
        this.isWritable = isWritable;
    }

    /// Maps frames.
    ///
    /// @param first the number of the first
    /// @param stride how far apart their numbers are
    /// @param pages how many
    static FrameWindow map(XenDomain domain, long first, long stride, int pages, boolean isWritable)
            throws GuestException {
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment frames = buffers.allocate(JAVA_LONG, pages);
            MemorySegment errors = buffers.allocate(JAVA_INT, pages);
            for (int page = 0; page < pages; page++) {
                frames.setAtIndex(JAVA_LONG, page, first + stride * page);
            }
            int protection = isWritable ? READ_AND_WRITE : READ;
            MemorySegment mapped = map(domain, protection, frames, errors);
            BitSet there = new BitSet(pages);
            for (int page = 0; page < pages; page++) {
                there.set(page, errors.getAtIndex(JAVA_INT, page) == 0);
            }
            return new FrameWindow(mapped, there, pages, isWritable);
        }
    }

    private static MemorySegment map(XenDomain domain, int protection, MemorySegment frames, MemorySegment errors)
            throws GuestException {
        try {
            return domain.control().map(domain.id(), protection, frames, errors);
        } catch (GuestException e) {
            throw domain.explained(e);
        }
    }

    boolean isWritable() {
        return isWritable;
    }

    long ageNanos(long nowNanos) {
        return nowNanos - mappedAtNanos;
    }

    /// Whether the frame with this index is there.
    boolean has(int page) {
        return there.get(page);
    }

    /// Whether all of these bytes are there.
    boolean has(long offset, long lengthBytes) {
        int first = (int) (offset / PAGE_BYTES);
        int end = (int) ((offset + lengthBytes + PAGE_BYTES - 1) / PAGE_BYTES);
        return there.nextClearBit(first) >= end;
    }

    /// Bytes that are there, as [#has(long, long)] says.
    MemorySegment bytes(long offset, long lengthBytes) {
        return bytes.asSlice(offset, lengthBytes);
    }

    void unmap(XenDomain domain) throws GuestException {
        domain.control().unmap(mapped, pages);
    }
}
