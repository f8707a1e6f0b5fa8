package dev.plumbline.extraction;

import dev.plumbline.kernel.SystemCall;
import dev.plumbline.probe.EdgeContext;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Gives names to the events of edge mode. For one thread.
public final class EdgeBuilder implements EventBuilder {
    private final TaskIdentities identities;
    private final ObservedEdge.Sink sink;
    private final Map<Integer, String> systemCalls = new HashMap<>();
    private EdgeNames names;
    private long eventCount;

    /// @param code the kernel's code
    /// @param calls its system calls
    /// @param identities tells who tasks are
    public EdgeBuilder(TracedCode code, List<SystemCall> calls, TaskIdentities identities, ObservedEdge.Sink sink) {
        this.names = new EdgeNames(code);
        this.identities = identities;
        this.sink = sink;
        calls.forEach(call -> systemCalls.put(call.number(), call.name()));
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        eventCount++;
        TaskIdentity who = identities.identity(task);
        sink.edge(names.edge(context(systemCall), systemCall >= 0, site, returnAddress, who, cpu));
    }

    @Override
    public void indirect(int cpu, long target, long returnAddress, long task) {
        eventCount++;
        if (!names.isKnown(target)) {
            TaskIdentity who = identities.identity(task);
            sink.edge(names.pointer(ObservedEdge.SOME_INDIRECT_CALL, false, target, returnAddress, who, cpu));
        }
    }

    private String context(int systemCall) {
        return switch (systemCall) {
            case EdgeContext.FROM_USER_MODE -> ObservedEdge.EXCEPTION;
            case EdgeContext.INTERRUPT_STACK -> ObservedEdge.INTERRUPT;
            case EdgeContext.KERNEL_THREAD -> ObservedEdge.KERNEL_THREAD;
            case EdgeContext.NO_SUCH_CALL -> "unknown system call";
            default -> {
                boolean is32 = systemCall >= EdgeContext.CALL_32;
                int number = is32 ? systemCall - EdgeContext.CALL_32 : systemCall;
                String numbered = (is32 ? ObservedEdge.NUMBERED_32 : "system call ") + number;
                yield is32 ? numbered : systemCalls.getOrDefault(number, numbered);
            }
        };
    }

    @Override
    public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
        throw new IllegalStateException("edges are told one by one, not made of calls");
    }

    @Override
    public void time(int cpu, long timeStampCounter) {
        // Edges have no order that matters.
    }

    @Override
    public void lost(int cpu, long count) {
        // The engine counts them.
    }

    @Override
    public void settle() {
        // Edges do not wait for each other.
    }

    @Override
    public void codeChanged(TracedCode now) {
        names = new EdgeNames(now);
    }

    @Override
    public long eventCount() {
        return eventCount;
    }
}
