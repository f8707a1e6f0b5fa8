package dev.plumbline.callgraph;

import java.util.Arrays;

/// The edges into each function: counted, then sorted into place. Immutable.
final class Callers {
    private final int[] starts;
    private final int[] edges;

    Callers(EdgeTable table, int functions) {
        starts = new int[functions + 1];
        for (int edge = 0; edge < table.count(); edge++) {
            if (table.target(edge) != CallGraph.NONE) {
                starts[table.target(edge) + 1]++;
            }
        }
        for (int function = 0; function < functions; function++) {
            starts[function + 1] += starts[function];
        }
        edges = new int[starts[functions]];
        int[] next = starts.clone();
        for (int edge = 0; edge < table.count(); edge++) {
            if (table.target(edge) != CallGraph.NONE) {
                edges[next[table.target(edge)]++] = edge;
            }
        }
    }

    /// The edges whose target lies in the function, ascending by site.
    int[] of(int function) {
        return Arrays.copyOfRange(edges, starts[function], starts[function + 1]);
    }
}
