package dev.plumbline.command;

import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.machine.GuestException;
import dev.plumbline.report.FlowFilter;
import dev.plumbline.report.FlowFormat;
import dev.plumbline.report.TraceSummary;
import java.util.Set;

/// Makes flows of events and prints those that are wanted.
final class FlowOutput implements TraceOutput {
    private final FlowFormat format;
    private final FlowFilter filter;
    private final FlowBuilder flows;

    FlowOutput(TracedKernel traced, Set<String> systemCalls, Set<String> comms, FlowFormat format)
            throws GuestException {
        this.format = format;
        this.filter = new FlowFilter(systemCalls, comms, format);
        this.flows = new FlowBuilder(traced.code(), new TaskStructs(traced.kernel()), traced.cpuCount(), filter);
    }

    @Override
    public EventBuilder events() {
        return flows;
    }

    @Override
    public void end(long dropped, double seconds) {
        flows.finish();
        format.end(new TraceSummary(flows.eventCount(), dropped, filter.flowCount(), seconds));
    }
}
