package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// The way back from the names of [FlowNames] to addresses of a running kernel. Where several functions have one
/// name, as static functions of different files can, all of them are found. Immutable and safe for threads.
public final class NamedPlaces {
    private static final long[] NOWHERE = new long[0];

    private final CallGraph graph;
    private final Map<String, int[]> functions = new HashMap<>();

    /// @param graph the code that is looked in
    public NamedPlaces(CallGraph graph) {
        this.graph = graph;
        FlowNames names = new FlowNames();
        for (int function = 0; function < graph.functionCount(); function++) {
            functions.merge(names.function(graph, function, 0), new int[] {function}, NamedPlaces::join);
        }
    }

    private static int[] join(int[] some, int[] more) {
        int[] all = Arrays.copyOf(some, some.length + more.length);
        System.arraycopy(more, 0, all, some.length, more.length);
        return all;
    }

    /// Where functions of this name start, ascending; empty if there is none now.
    ///
    /// @param name as [FlowNames#function] gives it
    public long[] functions(String name) {
        int[] found = functions.get(name);
        return found == null
                ? NOWHERE
                : Arrays.stream(found)
                        .mapToLong(function -> graph.address(function))
                        .toArray();
    }

    /// Where a place of this name is, ascending; empty if there is none now.
    ///
    /// @param place as [FlowNames#place] gives it: a function's name with `+0x` and an offset in hexadecimal
    public long[] places(String place) {
        int bracket = place.indexOf(" [");
        int plus = place.lastIndexOf("+0x", bracket < 0 ? place.length() : bracket);
        if (plus < 0) {
            return NOWHERE;
        }
        String offset = place.substring(plus + 3, bracket < 0 ? place.length() : bracket);
        String name = place.substring(0, plus) + (bracket < 0 ? "" : place.substring(bracket));
        int[] found = functions.get(name);
        if (found == null || !offset.matches("[0-9a-f]{1,8}")) {
            return NOWHERE;
        }
        long distance = Long.parseLong(offset, 16);
        return Arrays.stream(found)
                .mapToObj(graph::function)
                .filter(function -> distance < function.extentBytes())
                .mapToLong(Function::address)
                .map(address -> address + distance)
                .toArray();
    }
}
