package dev.plumbline.extraction;

import java.util.ArrayDeque;

/// The storage of all open flows: bounded, used again. For one thread.
final class FlowRoom {
    /// Calls a flow has room for at first; it doubles.
    static final int FIRST_CALLS = 64;

    private static final int LARGEST_KEPT_CALLS = 1 << 14;
    private static final int MOST_KEPT = 1 << 10;

    private final ArrayDeque<FlowRecord> free = new ArrayDeque<>();
    private final int mostCallsInFlow;
    private final long mostCalls;
    private long calls;

    FlowRoom(FlowLimits limits) {
        this.mostCallsInFlow = limits.callsInFlow();
        this.mostCalls = limits.openCalls();
    }

    FlowRecord take() {
        FlowRecord record = free.poll();
        if (record == null) {
            record = new FlowRecord(this);
        }
        calls += record.capacity();
        return record;
    }

    /// Whether a flow may grow to twice its capacity; if so, the room is taken.
    boolean grow(int capacity) {
        if (capacity * 2L > mostCallsInFlow || calls + capacity > mostCalls) {
            return false;
        }
        calls += capacity;
        return true;
    }

    void release(FlowRecord record) {
        calls -= record.capacity();
        if (record.capacity() <= LARGEST_KEPT_CALLS && free.size() < MOST_KEPT) {
            free.push(record);
        }
    }
}
