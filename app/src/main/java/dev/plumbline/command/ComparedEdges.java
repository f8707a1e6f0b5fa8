package dev.plumbline.command;

import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.machine.GuestException;
import dev.plumbline.monitoring.EdgeComparison;

/// Compares the edges of edge mode.
final class ComparedEdges implements TraceOutput {
    private final EdgeBuilder edges;

    ComparedEdges(TracedKernel traced, EdgeComparison comparison) throws GuestException {
        this.edges = new EdgeBuilder(traced.code(), traced.calls(), new TaskStructs(traced.kernel()), comparison);
    }

    @Override
    public EventBuilder events() {
        return edges;
    }

    @Override
    public void end(long dropped, double seconds) {
        // What was told was compared.
    }
}
