package dev.plumbline.extraction;

import dev.plumbline.probe.CallEventSink;
import java.util.Arrays;

/// Segments of one CPU's events that wait: first in, first out. It grows as needed and is emptied often, so both arrays
/// are used from the start again whenever all is passed on, or moved there. For one thread.
final class SegmentQueue {
    private static final int EVENT_LONGS = 4;
    private static final int FIRST_EVENTS = 1 << 10;
    private static final int LARGEST_KEPT_EVENTS = 1 << 16;

    // In place of a site: the event is an indirect call, its target in place of the stack pointer.
    private static final long INDIRECT = 1;
    // In place of a site: the task's system call has returned.
    private static final long RETURNED = 2;

    /// The CPU's last reading of the time stamp counter; 0 before the first.
    long lastReading;
    /// Whether events need not wait.
    boolean isPassing = true;

    private long[] events = new long[FIRST_EVENTS * EVENT_LONGS];
    private int firstEvent;
    private int endEvent;

    private long[] starts = new long[64];
    private long[] losses = new long[64];
    private int[] counts = new int[64];
    private int firstSegment;
    private int endSegment;

    boolean isEmpty() {
        return firstSegment == endSegment;
    }

    /// When the first segment began.
    long start() {
        return starts[firstSegment];
    }

    /// Begins a segment.
    ///
    /// @param lost events lost before it
    void begin(long reading, long lost) {
        int last = endSegment - 1;
        if (!isEmpty() && counts[last] == 0) {
            starts[last] = lost == 0 ? reading : starts[last];
            losses[last] += lost;
            return;
        }
        if (endSegment == starts.length) {
            compactSegments();
        }
        starts[endSegment] = reading;
        losses[endSegment] = lost;
        counts[endSegment++] = 0;
    }

    private void compactSegments() {
        int count = endSegment - firstSegment;
        int capacity = count > starts.length / 2 ? starts.length * 2 : starts.length;
        starts = Arrays.copyOf(Arrays.copyOfRange(starts, firstSegment, endSegment), capacity);
        losses = Arrays.copyOf(Arrays.copyOfRange(losses, firstSegment, endSegment), capacity);
        counts = Arrays.copyOf(Arrays.copyOfRange(counts, firstSegment, endSegment), capacity);
        firstSegment = 0;
        endSegment = count;
    }

    void add(long site, long returnAddress, long task, long stackPointer) {
        if (isEmpty()) {
            begin(lastReading, 0);
        }
        int at = endEvent * EVENT_LONGS;
        if (at == events.length) {
            compactEvents();
            at = endEvent * EVENT_LONGS;
        }
        events[at] = site;
        events[at + 1] = returnAddress;
        events[at + 2] = task;
        events[at + 3] = stackPointer;
        endEvent++;
        counts[endSegment - 1]++;
    }

    void addIndirect(long target, long returnAddress, long task) {
        add(INDIRECT, returnAddress, task, target);
    }

    void addReturned(long task) {
        add(RETURNED, 0, task, 0);
    }

    private void compactEvents() {
        int count = endEvent - firstEvent;
        int capacity = count * EVENT_LONGS > events.length / 2 ? events.length * 2 : events.length;
        long[] compact = count * EVENT_LONGS > events.length / 2 ? new long[capacity] : events;
        System.arraycopy(events, firstEvent * EVENT_LONGS, compact, 0, count * EVENT_LONGS);
        events = compact;
        firstEvent = 0;
        endEvent = count;
    }

    /// Passes the first segment on, as far as it has come.
    ///
    /// @return how many events those were
    int pass(int cpu, CallEventSink next) {
        next.time(cpu, starts[firstSegment]);
        if (losses[firstSegment] != 0) {
            next.lost(cpu, losses[firstSegment]);
        }
        int count = counts[firstSegment++];
        int end = firstEvent + count;
        for (int event = firstEvent; event < end; event++) {
            int at = event * EVENT_LONGS;
            if (events[at] == INDIRECT) {
                next.indirect(cpu, events[at + 3], events[at + 1], events[at + 2]);
            } else if (events[at] == RETURNED) {
                next.returned(cpu, events[at + 2]);
            } else {
                next.call(cpu, events[at], events[at + 1], events[at + 2], events[at + 3]);
            }
        }
        firstEvent = end;
        if (isEmpty()) {
            reset();
        }
        return count;
    }

    private void reset() {
        firstSegment = 0;
        endSegment = 0;
        firstEvent = 0;
        endEvent = 0;
        if (events.length > LARGEST_KEPT_EVENTS * EVENT_LONGS) {
            events = new long[FIRST_EVENTS * EVENT_LONGS];
        }
    }
}
