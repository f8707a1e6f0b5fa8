package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;

/// Names the calls of a kernel and says whether its code as built can make them. For one thread.
public final class EdgeNames {
    private final TracedCode code;
    private final TailReach jumps;
    private final FlowNames names = new FlowNames();

    /// @param code the kernel's code
    public EdgeNames(TracedCode code) {
        this.code = code;
        this.jumps = new TailReach(code.graph());
    }

    /// Names a call.
    ///
    /// @param context what it was made in, as [ObservedEdge] has it
    /// @param inSystemCall whether that is a system call
    /// @param site what was entered
    /// @param returnAddress where it is to return to
    /// @param task who made it
    /// @param cpu where
    public ObservedEdge edge(
            String context, boolean inSystemCall, long site, long returnAddress, TaskIdentity task, int cpu) {
        CallGraph graph = code.graph();
        int function = function(site);
        long origin = code.origin(returnAddress);
        int named = Origin.callee(origin);
        boolean isOther = named != CallGraph.NONE && named != function;
        return new ObservedEdge(
                context,
                inSystemCall,
                names.place(graph, returnAddress),
                names.function(graph, function, site),
                function != CallGraph.NONE,
                Origin.isIndirect(origin),
                reach(returnAddress, origin, function),
                isOther ? names.function(graph, named, 0) : "",
                site,
                returnAddress,
                task,
                cpu);
    }

    /// Names a call through a pointer that led to no known function.
    ///
    /// @param target where it led
    ObservedEdge pointer(
            String context, boolean inSystemCall, long target, long returnAddress, TaskIdentity task, int cpu) {
        CallGraph graph = code.graph();
        return new ObservedEdge(
                context,
                inSystemCall,
                names.place(graph, returnAddress),
                names.place(graph, target),
                false,
                true,
                Reach.UNKNOWN_FUNCTION,
                "",
                target,
                returnAddress,
                task,
                cpu);
    }

    /// Whether a known function is entered at the site.
    boolean isKnown(long site) {
        return function(site) != CallGraph.NONE;
    }

    private int function(long site) {
        return (int) code.entry(site) - 1;
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
}
