package dev.plumbline.monitoring;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// A run of memory that should not change, and what it held when it was last looked at and found good, or reported.
/// For one thread.
final class WatchedMemory {
    // Small enough to be compared while it is still in the processor's cache.
    private static final int CHUNK_BYTES = 128 << 10;

    private final long start;
    private final byte[] seen;
    private final MemorySegment seenSegment;

    // Native, so that drivers read into it and not by way of memory of theirs.
    private final MemorySegment chunk;

    /// @param start virtual address of the first byte
    /// @param seen what is there; not copied
    WatchedMemory(long start, byte[] seen) {
        this.start = start;
        this.seen = seen;
        this.seenSegment = MemorySegment.ofArray(seen);
        this.chunk = Arena.ofAuto().allocate(Math.min(CHUNK_BYTES, seen.length));
    }

    /// Takes what has changed.
    interface Sink {
        /// A byte is not what it was.
        ///
        /// @param address where
        /// @return how many bytes from there on have been dealt with, 1 or more
        int changed(long address) throws GuestException;
    }

    long start() {
        return start;
    }

    long end() {
        return start + seen.length;
    }

    boolean contains(long address) {
        return address - start >= 0 && address - start < seen.length;
    }

    /// Reads all of it, and hands out where it is not as it was. Memory that is not there any more is passed over.
    void look(AddressSpace space, Sink sink) throws GuestException {
        int skip = 0;
        for (int at = 0; at < seen.length; at += CHUNK_BYTES) {
            int size = Math.min(CHUNK_BYTES, seen.length - at);
            if (read(space, at, size)) {
                skip = compare(at, size, Math.max(skip, at), sink);
            }
        }
    }

    private boolean read(AddressSpace space, int at, int size) throws GuestException {
        try {
            space.read(new VirtualAddress(start + at), chunk.asSlice(0, size));
            return true;
        } catch (UnreadableMemoryException _) {
            return false;
        }
    }

    private int compare(int at, int size, int from, Sink sink) throws GuestException {
        int next = from;
        while (next < at + size) {
            long same = MemorySegment.mismatch(seenSegment, next, at + size, chunk, (long) next - at, size);
            if (same < 0) {
                return next;
            }
            next += (int) same;
            next += sink.changed(start + next);
        }
        return next;
    }

    /// What was seen last.
    byte[] seen(long address, int sizeBytes) {
        int at = (int) (address - start);
        return Arrays.copyOfRange(seen, at, Math.min(at + sizeBytes, seen.length));
    }

    /// Takes it as seen that these bytes are there.
    void accept(long address, byte[] bytes) {
        int at = (int) (address - start);
        System.arraycopy(bytes, 0, seen, at, Math.min(bytes.length, seen.length - at));
    }
}
