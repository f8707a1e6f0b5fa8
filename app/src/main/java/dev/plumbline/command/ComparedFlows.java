package dev.plumbline.command;

import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowEdges;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.monitoring.EdgeComparison;
import dev.plumbline.monitoring.PathComparison;

/// Makes flows of all calls and compares them: each edge by itself, then the paths.
final class ComparedFlows implements TraceOutput {
    private final FlowEdges edges;
    private final FlowBuilder flows;

    ComparedFlows(TracedKernel traced, EdgeComparison comparison, PathComparison paths) throws GuestException {
        this.edges = new FlowEdges(traced.code(), comparison);
        this.flows = new FlowBuilder(traced.code(), new TaskStructs(traced.kernel()), traced.cpuCount(), flow -> {
            edges.flow(flow);
            paths.flow(flow);
        });
    }

    @Override
    public EventBuilder events() {
        return flows;
    }

    @Override
    public void codeChanged(TracedCode now) {
        flows.codeChanged(now);
        edges.codeChanged(now);
    }

    @Override
    public void end(long dropped, double seconds) {
        flows.finish();
    }
}
