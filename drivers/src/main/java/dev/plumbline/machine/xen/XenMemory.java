package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.UnreadableMemoryException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/// A domain's RAM, mapped here in windows of 2 MiB as it is read. Xen does not tell when a domain gives a frame back
/// and gets another: a window is mapped anew after a second. A mapping outlives the domain, too: whether it is still
/// there is asked before a read when the last time is more than ten milliseconds ago.
final class XenMemory implements PhysicalMemory, MemoryWriter, AutoCloseable {
    private static final int WINDOW_PAGES = 512;
    private static final long WINDOW_BYTES = (long) WINDOW_PAGES * FrameWindow.PAGE_BYTES;
    private static final int MOST_WINDOWS = 512;
    private static final long OLDEST_NANOS = 1_000_000_000L;
    private static final long CHECK_NANOS = 10_000_000L;
    /// 64 TiB, more than Xen gives a domain.
    private static final long MOST_FRAMES = 1L << 34;

    private final XenDomain domain;
    private final List<MemoryRange> ranges;
    private final LinkedHashMap<Long, FrameWindow> windows = new LinkedHashMap<>(MOST_WINDOWS, 0.75f, true);
    private final DisplacedBytes displaced = new DisplacedBytes();
    private long checkedAtNanos;

    XenMemory(XenDomain domain) throws GuestException {
        this.domain = domain;
        this.ranges = ranges(domain);
        this.checkedAtNanos = System.nanoTime() - CHECK_NANOS;
    }

    // A range is as long as each second MiB begins with a frame: what a domain has given back within is told when it is
    // read.
    private static List<MemoryRange> ranges(XenDomain domain) throws GuestException {
        long frames = Math.min(domain.control().maximumFrame(domain.id()) + 1, MOST_FRAMES);
        List<MemoryRange> ranges = new ArrayList<>();
        long start = -1;
        long windowCount = (frames + WINDOW_PAGES - 1) / WINDOW_PAGES;
        for (long first = 0; first < windowCount; first += WINDOW_PAGES) {
            int count = (int) Math.min(WINDOW_PAGES, windowCount - first);
            FrameWindow probe = FrameWindow.map(domain, first * WINDOW_PAGES, WINDOW_PAGES, count, false);
            for (int i = 0; i < count; i++) {
                long window = first + i;
                if (probe.has(i) && start < 0) {
                    start = window;
                } else if (!probe.has(i) && start >= 0) {
                    ranges.add(range(start, window));
                    start = -1;
                }
            }
            probe.unmap(domain);
        }
        if (start >= 0) {
            ranges.add(range(start, windowCount));
        }
        if (ranges.isEmpty()) {
            throw new GuestException("no memory of " + domain.name() + " can be mapped: run plumbline as root in dom0");
        }
        return List.copyOf(ranges);
    }

    private static MemoryRange range(long startWindow, long endWindow) {
        return new MemoryRange(
                new PhysicalAddress(startWindow * WINDOW_BYTES), (endWindow - startWindow) * WINDOW_BYTES);
    }

    @Override
    public List<MemoryRange> ranges() {
        return ranges;
    }

    /// Where breakpoints of ours stand.
    DisplacedBytes displaced() {
        return displaced;
    }

    @Override
    public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
        readAsItIs(address, destination);
        displaced.show(address, destination);
    }

    /// Reads breakpoints of ours, too.
    void readAsItIs(PhysicalAddress address, MemorySegment destination) throws GuestException {
        long size = destination.byteSize();
        verifyIsOneRange(address, size);
        for (long done = 0; done < size; ) {
            MemorySegment piece = piece(address.plus(done), size - done, false);
            MemorySegment.copy(piece, 0, destination, done, piece.byteSize());
            done += piece.byteSize();
        }
    }

    @Override
    public void write(PhysicalAddress address, MemorySegment source) throws GuestException {
        long size = source.byteSize();
        verifyIsOneRange(address, size);
        MemorySegment first = piece(address, size, true);
        // All of it is there before any of it is written.
        for (long done = first.byteSize(); done < size; ) {
            done += piece(address.plus(done), size - done, true).byteSize();
        }
        if (first.byteSize() == size) {
            first.copyFrom(source);
            return;
        }
        for (long done = 0; done < size; ) {
            MemorySegment piece = piece(address.plus(done), size - done, true);
            MemorySegment.copy(source, done, piece, 0, piece.byteSize());
            done += piece.byteSize();
        }
    }

    /// Makes sure that it is RAM of one range.
    void verifyIsOneRange(PhysicalAddress address, long lengthBytes) throws UnreadableMemoryException {
        for (MemoryRange range : ranges) {
            if (range.contains(address, lengthBytes)) {
                return;
            }
        }
        throw unreadable(address, lengthBytes);
    }

    // What of it lies in one window.
    private MemorySegment piece(PhysicalAddress address, long lengthBytes, boolean isWritten) throws GuestException {
        long number = address.value() / WINDOW_BYTES;
        long offset = address.value() % WINDOW_BYTES;
        long length = Math.min(lengthBytes, WINDOW_BYTES - offset);
        FrameWindow window = window(number, isWritten);
        if (!window.has(offset, length)) {
            throw unreadable(address, length);
        }
        return window.bytes(offset, length);
    }

    private FrameWindow window(long number, boolean isWritten) throws GuestException {
        long now = System.nanoTime();
        if (now - checkedAtNanos >= CHECK_NANOS) {
            domain.now();
            checkedAtNanos = now;
        }
        FrameWindow known = windows.get(number);
        if (known != null && known.ageNanos(now) < OLDEST_NANOS && (known.isWritable() || !isWritten)) {
            return known;
        }
        boolean isWritable = isWritten || known != null && known.isWritable();
        if (known != null) {
            windows.remove(number);
            known.unmap(domain);
        } else if (windows.size() == MOST_WINDOWS) {
            windows.pollFirstEntry().getValue().unmap(domain);
        }
        FrameWindow fresh = FrameWindow.map(domain, number * WINDOW_PAGES, 1, WINDOW_PAGES, isWritable);
        windows.put(number, fresh);
        return fresh;
    }

    private UnreadableMemoryException unreadable(PhysicalAddress address, long lengthBytes) {
        return new UnreadableMemoryException(
                "physical address " + address + " (" + lengthBytes + " bytes) is not RAM of " + domain.name());
    }

    @Override
    public void close() throws GuestException {
        for (FrameWindow window : windows.values()) {
            window.unmap(domain);
        }
        windows.clear();
    }
}
