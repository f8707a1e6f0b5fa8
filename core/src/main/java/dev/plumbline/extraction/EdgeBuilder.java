package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.probe.CallEventSink;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Gives names to the events of edge mode. For one thread.
public final class EdgeBuilder implements CallEventSink {
    // What stands for the system call where there is none, by CallEventSink.
    private static final int FROM_USER_MODE = -1;
    private static final int INTERRUPT_STACK = -2;
    private static final int KERNEL_THREAD = -3;
    private static final int NO_SUCH_CALL = -4;
    private static final int CALL_32 = 0x2000;

    private final TaskIdentities identities;
    private final ObservedEdge.Sink sink;
    private final FlowNames names = new FlowNames();
    private final Map<Integer, String> systemCalls = new HashMap<>();
    private TracedCode code;
    private TailReach jumps;
    private long eventCount;

    /// @param code the kernel's code
    /// @param calls its system calls
    /// @param identities tells who tasks are
    public EdgeBuilder(TracedCode code, List<SystemCall> calls, TaskIdentities identities, ObservedEdge.Sink sink) {
        this.code = code;
        this.jumps = new TailReach(code.graph());
        this.identities = identities;
        this.sink = sink;
        calls.forEach(call -> systemCalls.put(call.number(), call.name()));
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        eventCount++;
        int function = (int) code.entry(site) - 1;
        CallGraph graph = code.graph();
        long origin = code.origin(returnAddress);
        Reach reach = reach(returnAddress, origin, function);
        int named = Origin.callee(origin);
        boolean isOther = named != CallGraph.NONE && named != function;
        sink.edge(new ObservedEdge(
                context(systemCall),
                systemCall >= 0,
                names.place(graph, returnAddress),
                names.function(graph, function, site),
                function != CallGraph.NONE,
                Origin.isIndirect(origin),
                reach,
                isOther ? names.function(graph, named, 0) : "",
                site,
                returnAddress,
                identities.identity(task),
                cpu));
    }

    @Override
    public void indirect(int cpu, long target, long returnAddress, long task) {
        eventCount++;
        CallGraph graph = code.graph();
        if ((int) code.entry(target) == 0) {
            TaskIdentity who = identities.identity(task);
            String caller = names.place(graph, returnAddress);
            sink.edge(new ObservedEdge(
                    "indirect call",
                    false,
                    caller,
                    names.place(graph, target),
                    false,
                    true,
                    Reach.UNKNOWN_FUNCTION,
                    "",
                    target,
                    returnAddress,
                    who,
                    cpu));
        }
    }

    private Reach reach(long returnAddress, long origin, int function) {
        if (function == CallGraph.NONE) {
            return Reach.UNKNOWN_FUNCTION;
        }
        if (Origin.caller(origin) == CallGraph.NONE) {
            return Reach.UNKNOWN_CALLER;
        }
        int named = Origin.callee(origin);
        if (Origin.isIndirect(origin)) {
            return Reach.POINTER;
        }
        if (named == CallGraph.NONE) {
            return Reach.UNSEEN;
        }
        if (named == function || jumps.leads(named, function)) {
            return Reach.DIRECT;
        }
        boolean isAnywhere = jumps.leadsAnywhere(named) || isChangedLegally(returnAddress);
        return isAnywhere ? Reach.POINTER : Reach.IMPOSSIBLE;
    }

    // Static calls go elsewhere when the kernel says so.
    private boolean isChangedLegally(long returnAddress) {
        CallGraph graph = code.graph();
        long site = Origin.callSite(graph, returnAddress);
        return graph.callees(graph.functionAt(returnAddress - 1)).stream()
                .anyMatch(edge -> edge.siteAddress() == site && edge.patched().isPresent());
    }

    private String context(int systemCall) {
        return switch (systemCall) {
            case FROM_USER_MODE -> "exception";
            case INTERRUPT_STACK -> "interrupt";
            case KERNEL_THREAD -> "kernel thread";
            case NO_SUCH_CALL -> "unknown system call";
            default -> {
                boolean is32 = systemCall >= CALL_32;
                int number = is32 ? systemCall - CALL_32 : systemCall;
                String numbered = (is32 ? "32-bit system call " : "system call ") + number;
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

    /// The code has changed: modules came or went.
    public void codeChanged(TracedCode now) {
        code = now;
        jumps = new TailReach(now.graph());
    }

    /// How many edges were told.
    public long eventCount() {
        return eventCount;
    }
}
