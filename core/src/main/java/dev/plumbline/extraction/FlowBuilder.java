package dev.plumbline.extraction;

import java.util.Objects;

/// Makes flows from the call events of a guest: call stacks of tasks are rebuilt from stack pointers, wherever the
/// tasks
/// run; what runs on other stacks, or comes in through the kernel's entry code for interrupts and exceptions, becomes
/// flows of its own.
///
/// A flow of a system call ends with the task's next call event that is not within it; until then it is not known to be
/// over, unless the engine says so. Events of several CPUs are put in order by the readings of the time stamp counter
/// first, and wait for that
/// as long as needed: [#settle] lets them pass. No events make it fail or grow without bound. For one
/// thread; nothing is allocated for an event.
public final class FlowBuilder implements EventBuilder {
    private final FlowTracker tracker;
    private final EventOrder order;
    private long eventCount;
    private long lostCount;

    /// @param code the kernel's code
    /// @param identities tells who tasks are
    /// @param cpuCount how many CPUs there are: numbers of CPUs are below it
    /// @param sink takes the flows
    public FlowBuilder(TracedCode code, TaskIdentities identities, int cpuCount, FlowSink sink) {
        this(code, identities, cpuCount, FlowLimits.DEFAULT, sink);
    }

    /// @param code the kernel's code
    /// @param identities tells who tasks are
    /// @param cpuCount how many CPUs there are: numbers of CPUs are below it
    /// @param limits what may be kept
    /// @param sink takes the flows
    public FlowBuilder(TracedCode code, TaskIdentities identities, int cpuCount, FlowLimits limits, FlowSink sink) {
        this.tracker = new FlowTracker(code, identities, cpuCount, limits, Objects.requireNonNull(sink));
        this.order = new EventOrder(cpuCount, limits.waitingEvents(), tracker);
    }

    @Override
    public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
        eventCount++;
        order.call(cpu, site, returnAddress, task, stackPointer);
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        throw new IllegalStateException("flows are made of every call, not of edges");
    }

    @Override
    public void indirect(int cpu, long target, long returnAddress, long task) {
        eventCount++;
        order.indirect(cpu, target, returnAddress, task);
    }

    @Override
    public void returned(int cpu, long task) {
        order.returned(cpu, task);
    }

    @Override
    public void time(int cpu, long timeStampCounter) {
        order.time(cpu, timeStampCounter);
    }

    @Override
    public void lost(int cpu, long count) {
        lostCount += count;
        order.lost(cpu, count);
    }

    /// All that had happened when this was last called has been brought by now: what waits for order passes. Call it
    /// after each round in which every CPU's ring was read to where its end was when the round began.
    @Override
    public void settle() {
        order.settle();
    }

    /// Passes on what waits and ends all flows. Events may follow; they begin anew.
    public void finish() {
        order.finish();
        tracker.finish();
    }

    /// From the next event on the code is this, since modules came or went. Open flows go on.
    @Override
    public void codeChanged(TracedCode code) {
        order.finish();
        tracker.code(code);
    }

    @Override
    public long eventCount() {
        return eventCount;
    }

    /// How many events were lost, as the engine counted.
    public long lostCount() {
        return lostCount;
    }

    /// How many flows were passed on.
    public long flowCount() {
        return tracker.flowCount();
    }
}
