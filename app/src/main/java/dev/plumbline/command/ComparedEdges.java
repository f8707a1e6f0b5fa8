package dev.plumbline.command;

import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.monitoring.EdgeComparison;
import dev.plumbline.probe.CallEventSink;

/// Compares the edges of edge mode.
final class ComparedEdges implements TraceOutput {
    private final EdgeBuilder edges;

    ComparedEdges(TracedKernel traced, EdgeComparison comparison) throws GuestException {
        this.edges = new EdgeBuilder(traced.code(), traced.calls(), new TaskStructs(traced.kernel()), comparison);
    }

    @Override
    public CallEventSink sink() {
        return edges;
    }

    @Override
    public void settle() {
        // Edges do not wait for each other.
    }

    @Override
    public void codeChanged(TracedCode now) {
        edges.codeChanged(now);
    }

    @Override
    public long eventCount() {
        return edges.eventCount();
    }

    @Override
    public void end(long dropped, double seconds) {
        // What was told was compared.
    }
}
