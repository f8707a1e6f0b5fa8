package dev.plumbline.extraction;

import dev.plumbline.probe.CallEventSink;

/// Puts the events of several CPUs in order. Events between two readings of the time stamp counter are a segment; those
/// of
/// one CPU are in order. A segment is passed on when no other CPU can still bring one that began earlier: that
/// is certain once each CPU has brought a later reading, or [#settle] says so. For one thread.
///
/// Tasks are switched between segments, so that what one task does on several CPUs is in order too.
final class EventOrder implements CallEventSink {
    private final CallEventSink next;
    private final SegmentQueue[] queues;
    private final int mostWaiting;
    private int waiting;
    private long certainUntil;
    private long highestReading;
    private long highestWhenSettled;

    /// @param mostWaiting how many events may wait; beyond, the order is taken to be as known
    EventOrder(int cpuCount, int mostWaiting, CallEventSink next) {
        this.next = next;
        this.mostWaiting = mostWaiting;
        this.queues = new SegmentQueue[cpuCount];
        for (int cpu = 0; cpu < cpuCount; cpu++) {
            queues[cpu] = new SegmentQueue();
        }
    }

    @Override
    public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
        SegmentQueue queue = queues[cpu];
        if (queue.isPassing) {
            next.call(cpu, site, returnAddress, task, stackPointer);
            return;
        }
        queue.add(site, returnAddress, task, stackPointer);
        if (++waiting > mostWaiting) {
            makeRoom();
        }
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        throw new IllegalStateException("flows are made of every call, not of edges");
    }

    @Override
    public void indirect(int cpu, long target, long returnAddress, long task) {
        SegmentQueue queue = queues[cpu];
        if (queue.isPassing) {
            next.indirect(cpu, target, returnAddress, task);
            return;
        }
        queue.addIndirect(target, returnAddress, task);
        if (++waiting > mostWaiting) {
            makeRoom();
        }
    }

    @Override
    public void returned(int cpu, long task) {
        SegmentQueue queue = queues[cpu];
        if (queue.isPassing) {
            next.returned(cpu, task);
            return;
        }
        queue.addReturned(task);
        if (++waiting > mostWaiting) {
            makeRoom();
        }
    }

    @Override
    public void time(int cpu, long timeStampCounter) {
        SegmentQueue queue = queues[cpu];
        // A counter that steps back says nothing about order.
        long reading = Math.max(timeStampCounter, queue.lastReading);
        boolean wasLowest = queue.lastReading <= certainUntil;
        queue.lastReading = reading;
        highestReading = Math.max(highestReading, reading);
        if (queue.isPassing && reading <= certainUntil) {
            next.time(cpu, reading);
            return;
        }
        queue.isPassing = false;
        queue.begin(reading, 0);
        if (wasLowest) {
            passUntil(lowestReading());
        }
    }

    @Override
    public void lost(int cpu, long count) {
        SegmentQueue queue = queues[cpu];
        if (queue.isPassing) {
            next.lost(cpu, count);
        } else {
            queue.begin(queue.lastReading, count);
        }
    }

    /// All that had happened when this was called before has been brought by now.
    void settle() {
        passUntil(highestWhenSettled);
        highestWhenSettled = highestReading;
    }

    /// Nothing more will come: passes on all there is.
    void finish() {
        passUntil(highestReading);
    }

    private long lowestReading() {
        long lowest = Long.MAX_VALUE;
        for (SegmentQueue queue : queues) {
            lowest = Math.min(lowest, queue.lastReading);
        }
        return lowest;
    }

    private void makeRoom() {
        while (waiting > mostWaiting / 2) {
            int first = earliest();
            passUntil(Math.max(certainUntil, queues[first].start()));
        }
    }

    private void passUntil(long reading) {
        certainUntil = Math.max(certainUntil, reading);
        for (int cpu = earliest(); cpu >= 0 && queues[cpu].start() <= certainUntil; cpu = earliest()) {
            waiting -= queues[cpu].pass(cpu, next);
        }
        for (SegmentQueue queue : queues) {
            queue.isPassing = queue.isEmpty() && queue.lastReading <= certainUntil;
        }
    }

    private int earliest() {
        int first = -1;
        for (int cpu = 0; cpu < queues.length; cpu++) {
            if (!queues[cpu].isEmpty() && (first < 0 || queues[cpu].start() < queues[first].start())) {
                first = cpu;
            }
        }
        return first;
    }
}
