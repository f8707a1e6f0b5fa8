package dev.plumbline.report;

import dev.plumbline.extraction.FlowSink;

/// Prints flows in one of the formats of `trace`. For one thread.
public interface FlowFormat extends FlowSink {

    /// Prints what comes after the last flow. Nothing may follow.
    void end(TraceSummary summary);
}
