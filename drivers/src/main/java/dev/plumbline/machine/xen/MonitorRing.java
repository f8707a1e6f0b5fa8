package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/// The page on which Xen puts what vCPUs have come to, and takes the answers from (public/io/ring.h): u32@0 requests
/// produced, u32@4 at which of them Xen is to notify, u32@8 answers produced, u32@12 at which of them it wants to be
/// notified; from 64 on as many entries as there is room for a power of two of, for both directions.
final class MonitorRing {
    static final int PAGE_BYTES = 4096;
    static final int ENTRY_COUNT = 8;

    private static final int REQUESTS = 0;
    private static final int NOTIFY_AT_REQUEST = 4;
    private static final int ANSWERS = 8;
    private static final int NOTIFY_AT_ANSWER = 12;
    private static final int ENTRIES = 64;
    private static final VarHandle COUNT = JAVA_INT.varHandle();

    private final MemorySegment page;
    private int taken;
    private int answered;

    /// Begins with an empty ring.
    ///
    /// @param page while Xen puts nothing there
    MonitorRing(MemorySegment page) {
        this.page = page;
        page.fill((byte) 0);
        page.set(JAVA_INT, NOTIFY_AT_REQUEST, 1);
        page.set(JAVA_INT, NOTIFY_AT_ANSWER, 1);
    }

    /// Whether there is a request that was not taken.
    boolean hasNext() {
        return (int) COUNT.getAcquire(page, (long) REQUESTS) != taken;
    }

    /// Takes the next request.
    ///
    /// @return null if there is none
    VmEvent next() {
        if (!hasNext()) {
            return null;
        }
        VmEvent event = VmEvent.of(entry(taken));
        taken++;
        COUNT.setVolatile(page, (long) NOTIFY_AT_REQUEST, taken + 1);
        return event;
    }

    /// Puts an answer there; Xen is to be notified.
    void answer(VmEvent answer) {
        answer.copyTo(entry(answered));
        answered++;
        COUNT.setVolatile(page, (long) ANSWERS, answered);
    }

    private MemorySegment entry(int number) {
        return page.asSlice(ENTRIES + (long) (number & ENTRY_COUNT - 1) * VmEvent.SIZE_BYTES, VmEvent.SIZE_BYTES);
    }
}
