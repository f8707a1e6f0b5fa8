package dev.plumbline.command;

import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.ObservedEdge;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.machine.GuestException;
import dev.plumbline.report.EdgeFormat;
import dev.plumbline.report.TraceSummary;
import java.util.Set;

/// Prints the edges that are wanted as they are seen.
final class EdgeOutput implements TraceOutput {
    private final Set<String> systemCalls;
    private final Set<String> comms;
    private final EdgeFormat format;
    private final EdgeBuilder edges;
    private long printed;

    EdgeOutput(TracedKernel traced, Set<String> systemCalls, Set<String> comms, EdgeFormat format)
            throws GuestException {
        this.systemCalls = systemCalls;
        this.comms = comms;
        this.format = format;
        this.edges = new EdgeBuilder(traced.code(), traced.calls(), new TaskStructs(traced.kernel()), this::print);
    }

    private void print(ObservedEdge edge) {
        boolean isWanted = systemCalls.isEmpty() || edge.inSystemCall() && systemCalls.contains(edge.context());
        if (isWanted && (comms.isEmpty() || comms.contains(edge.task().comm()))) {
            printed++;
            format.edge(edge);
        }
    }

    @Override
    public EventBuilder events() {
        return edges;
    }

    @Override
    public void end(long dropped, double seconds) {
        format.end(new TraceSummary(edges.eventCount(), dropped, printed, seconds));
    }
}
