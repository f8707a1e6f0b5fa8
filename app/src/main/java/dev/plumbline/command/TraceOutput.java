package dev.plumbline.command;

import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeEngine;

/// What becomes of the events of a trace.
interface TraceOutput {

    /// Takes the events.
    CallEventSink sink();

    /// All that had happened when this was called before has been taken by now.
    void settle();

    /// Looks at what else there is to see while probes are set. Called often.
    ///
    /// @throws GuestException if the guest cannot be reached
    default void look(ProbeEngine engine) throws GuestException {
        // Events alone matter to most.
    }

    /// Whether the guest has been paused and stays so: the run ends, and the probes stay in it.
    default boolean leavesProbes() {
        return false;
    }

    /// The code has changed: modules came or went.
    ///
    /// @throws GuestException if the guest cannot be reached
    void codeChanged(TracedCode now) throws GuestException;

    /// How many events were taken.
    long eventCount();

    /// Nothing more will come: prints what is left, and the summary.
    void end(long dropped, double seconds);
}
