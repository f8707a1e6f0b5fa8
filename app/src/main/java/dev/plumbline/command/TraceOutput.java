package dev.plumbline.command;

import dev.plumbline.extraction.TracedCode;
import dev.plumbline.probe.CallEventSink;

/// What becomes of the events of a trace.
interface TraceOutput {

    /// Takes the events.
    CallEventSink sink();

    /// All that had happened when this was called before has been taken by now.
    void settle();

    /// The code has changed: modules came or went.
    void codeChanged(TracedCode now);

    /// How many events were taken.
    long eventCount();

    /// Nothing more will come: prints what is left, and the summary.
    void end(long dropped, double seconds);
}
