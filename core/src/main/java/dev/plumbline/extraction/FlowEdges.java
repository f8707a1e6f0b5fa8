package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import java.util.HashMap;
import java.util.Map;

/// Tells the edges of flows, each once in its context, or a few times: what edge mode tells of events. For one thread.
///
/// What a flow that is not whole belongs to is not certain: its edges have no known context.
public final class FlowEdges implements FlowSink {
    private static final int MOST_CONTEXTS = 1 << 10;
    private static final int MOST_OF_A_CONTEXT = 1 << 14;
    private static final Object NOT_WHOLE = new Object();
    private static final long LOW_HALF = 0xffff_ffffL;

    private final ObservedEdge.Sink sink;
    private final Map<Object, LongTable> told = new HashMap<>();
    private EdgeNames names;

    /// @param code the kernel's code
    public FlowEdges(TracedCode code, ObservedEdge.Sink sink) {
        this.names = new EdgeNames(code);
        this.sink = sink;
    }

    /// The code has changed: modules came or went.
    public void codeChanged(TracedCode now) {
        names = new EdgeNames(now);
        told.clear();
    }

    @Override
    public void flow(Flow flow) {
        LongTable known = told(flow);
        for (int call = 0; call < flow.callCount(); call++) {
            long site = flow.site(call);
            long returnAddress = flow.returnAddress(call);
            boolean isKernelText = returnAddress == (int) returnAddress && site == (int) site;
            long key = isKernelText ? returnAddress << 32 | site & LOW_HALF : 0;
            if (known.find(key) == 0) {
                known.add(key, 1);
                tell(flow, call);
            }
        }
    }

    private LongTable told(Flow flow) {
        Object context = flow.isWhole()
                ? switch (flow.kind()) {
                    case SYSTEM_CALL -> flow.systemCall();
                    case KERNEL_THREAD -> flow.task().comm();
                    case INTERRUPT, EXCEPTION, NEW_TASK, OTHER -> flow.kind();
                }
                : NOT_WHOLE;
        LongTable known = told.get(context);
        if (known == null) {
            if (told.size() == MOST_CONTEXTS) {
                told.clear();
            }
            known = new LongTable(MOST_OF_A_CONTEXT);
            told.put(context, known);
        }
        return known;
    }

    private void tell(Flow flow, int call) {
        boolean inSystemCall = flow.isWhole() && flow.kind() == FlowKind.SYSTEM_CALL;
        String context = context(flow);
        long site = flow.site(call);
        long returnAddress = flow.returnAddress(call);
        boolean isUnknown = flow.function(call) == CallGraph.NONE && flow.isIndirect(call);
        sink.edge(
                isUnknown
                        ? names.pointer(context, inSystemCall, site, returnAddress, flow.task(), flow.cpu())
                        : names.edge(context, inSystemCall, site, returnAddress, flow.task(), flow.cpu()));
    }

    private static String context(Flow flow) {
        if (!flow.isWhole()) {
            return ObservedEdge.UNKNOWN;
        }
        return switch (flow.kind()) {
            case SYSTEM_CALL -> {
                String name = flow.systemCall().name();
                yield flow.systemCall().number() < 0 ? ObservedEdge.NUMBERED_32 + name : name;
            }
            case KERNEL_THREAD -> ObservedEdge.KERNEL_THREAD;
            case INTERRUPT -> ObservedEdge.INTERRUPT;
            case EXCEPTION -> ObservedEdge.EXCEPTION;
            case NEW_TASK -> "new task";
            case OTHER -> "other";
        };
    }
}
