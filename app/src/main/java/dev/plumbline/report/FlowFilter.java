package dev.plumbline.report;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowSink;
import java.util.Set;

/// Lets flows of some system calls and some processes through, and counts them. For one thread.
public final class FlowFilter implements FlowSink {
    private final Set<String> systemCalls;
    private final Set<String> comms;
    private final FlowSink next;
    private long flowCount;

    /// @param systemCalls the kernel's names of system calls; with any, only flows of these pass; with none, all kinds
    /// @param comms names of tasks; with none, any pass
    /// @param next takes what passes
    public FlowFilter(Set<String> systemCalls, Set<String> comms, FlowSink next) {
        this.systemCalls = Set.copyOf(systemCalls);
        this.comms = Set.copyOf(comms);
        this.next = next;
    }

    @Override
    public void flow(Flow flow) {
        if (isWanted(flow)) {
            flowCount++;
            next.flow(flow);
        }
    }

    private boolean isWanted(Flow flow) {
        boolean isCall = systemCalls.isEmpty()
                || flow.kind() == FlowKind.SYSTEM_CALL
                        && systemCalls.contains(flow.systemCall().name());
        return isCall && (comms.isEmpty() || comms.contains(flow.task().comm()));
    }

    /// How many flows have passed.
    public long flowCount() {
        return flowCount;
    }
}
