package dev.plumbline.command;

import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;

/// What becomes of the events of a trace.
interface TraceOutput {

    /// Takes the events.
    EventBuilder events();

    /// All that had happened when this was called before has been taken by now.
    default void settle() {
        events().settle();
    }

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
    default void codeChanged(TracedCode now) throws GuestException {
        events().codeChanged(now);
    }

    /// How many events were taken.
    default long eventCount() {
        return events().eventCount();
    }

    /// Nothing more will come: prints what is left, and the summary.
    void end(long dropped, double seconds);
}
