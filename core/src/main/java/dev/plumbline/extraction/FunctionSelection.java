package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.Function;
import dev.plumbline.kernel.SystemCall;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;

/// The functions to probe: of those the function tracer has a place in, all, or those that system calls reach; without
/// a
/// whitelist. Where flows begin and end is always among them: the functions of all system calls, those that
/// entry code calls for interrupts and exceptions, where tasks begin, end and are switched. Without these, what
/// another system call or an interrupt does would look like a part of the one that is watched. Immutable.
public final class FunctionSelection {
    private static final String SWITCHED = "finish_task_switch";

    private final CallGraph graph;
    private final BitSet possible;
    private final BitSet landmarks;
    private final BitSet chosen;

    private FunctionSelection(CallGraph graph, BitSet possible, BitSet landmarks, BitSet chosen) {
        this.graph = graph;
        this.possible = possible;
        this.landmarks = landmarks;
        this.chosen = chosen;
        chosen.or(landmarks);
        chosen.and(possible);
    }

    /// All functions.
    ///
    /// @param systemCalls all system calls of the kernel
    public static FunctionSelection all(CallGraph graph, List<SystemCall> systemCalls) {
        BitSet possible = TracedCode.withSites(graph);
        return new FunctionSelection(graph, possible, landmarks(graph, systemCalls), (BitSet) possible.clone());
    }

    /// The functions that some system calls reach by direct calls and jumps, and what lies behind pointers.
    ///
    /// @param systemCalls all system calls of the kernel
    /// @param wanted those to start from
    public static FunctionSelection reachableFrom(
            CallGraph graph, List<SystemCall> systemCalls, Collection<SystemCall> wanted, IndirectReach reach) {
        BitSet start = new BitSet();
        for (SystemCall call : wanted) {
            set(start, graph.functionAt(call.entryAddress()));
        }
        if (reach == IndirectReach.POINTERS) {
            start.or(withoutDirectCaller(graph));
        }
        BitSet possible = TracedCode.withSites(graph);
        return new FunctionSelection(graph, possible, landmarks(graph, systemCalls), reached(graph, start));
    }

    /// This and what a function reaches that was seen behind a pointer.
    public FunctionSelection extendedBy(int function) {
        BitSet start = new BitSet();
        set(start, function);
        BitSet more = reached(graph, start);
        more.or(chosen);
        return new FunctionSelection(graph, possible, landmarks, more);
    }

    /// This without the functions on a list.
    public FunctionSelection without(Whitelist whitelist) {
        BitSet fewer = (BitSet) chosen.clone();
        chosen.stream()
                .filter(function -> whitelist.contains(graph.function(function).name()))
                .forEach(fewer::clear);
        return new FunctionSelection(graph, possible, landmarks, fewer);
    }

    private static BitSet reached(CallGraph graph, BitSet start) {
        BitSet reached = new BitSet();
        graph.reachableFrom(start.stream().toArray()).functions().forEach(reached::set);
        return reached;
    }

    private static BitSet withoutDirectCaller(CallGraph graph) {
        BitSet result = new BitSet();
        result.set(0, graph.functionCount());
        for (CallEdge edge : graph.edges()) {
            if (edge.isResolved() && edge.isOwn() && edge.target() != edge.source()) {
                result.clear(edge.target());
            }
        }
        return result;
    }

    private static BitSet landmarks(CallGraph graph, List<SystemCall> systemCalls) {
        BitSet result = new BitSet();
        for (SystemCall call : systemCalls) {
            set(result, graph.functionAt(call.entryAddress()));
        }
        for (Function function : graph.functions()) {
            if (function.owner() != null) {
                continue;
            }
            switch (Role.of(function.name())) {
                case Role.INTERRUPT, Role.EXCEPTION, Role.FORK, Role.USER_MODE -> setCallees(result, graph, function);
                case Role.THREAD, Role.EXIT, Role.RENAME -> result.set(function.number());
                default -> result.set(function.number(), isSwitch(function) || result.get(function.number()));
            }
        }
        return result;
    }

    private static boolean isSwitch(Function function) {
        return function.name().equals(SWITCHED) || function.name().startsWith(SWITCHED + ".");
    }

    private static void setCallees(BitSet result, CallGraph graph, Function function) {
        result.set(function.number());
        for (CallEdge edge : graph.callees(function.number())) {
            if (edge.kind() != EdgeKind.RETURN) {
                set(result, edge.target());
            }
        }
    }

    private static void set(BitSet functions, int function) {
        if (function != CallGraph.NONE) {
            functions.set(function);
        }
    }

    /// The numbers of the functions.
    public BitSet functions() {
        return (BitSet) chosen.clone();
    }

    /// How many functions there are.
    public int functionCount() {
        return chosen.cardinality();
    }

    /// The sites of the functions, ascending: the function tracer's places.
    public long[] sites() {
        return Arrays.stream(graph.patchPlaces().ftraceSites())
                .filter(site -> {
                    int function = TracedCode.entered(graph, site);
                    return function != CallGraph.NONE && chosen.get(function);
                })
                .toArray();
    }
}
