package dev.plumbline.extraction;

import dev.plumbline.probe.CallEventSink;

/// Makes something of call events by tables of the code, which may change meanwhile.
public interface EventBuilder extends CallEventSink {
    /// All that had happened when this was last called has been brought by now.
    void settle();

    /// From the next event on the code is this, since modules came or went.
    void codeChanged(TracedCode code);

    /// How many events came.
    long eventCount();
}
