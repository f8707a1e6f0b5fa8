package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;

/// Tells whether one function can end with a jump to another: straight, or over code that has no entry of its own to
/// be seen at, as static call trampolines and the cold parts of functions. Remembers what it was asked. For one
/// thread.
final class TailJumps {
    /// There is no such jump.
    static final int NONE = 0;
    /// There is a direct jump.
    static final int DIRECT = 1;
    /// There is an indirect jump, which may go anywhere.
    static final int INDIRECT = 2;

    private static final int MOST_PAIRS = 1 << 17;
    private static final int MOST_STEPS = 4;

    private final CallGraph graph;
    private final boolean[] hasSite;
    private final LongTable known = new LongTable(MOST_PAIRS);

    /// @param hasSite by function, whether its entry can be seen
    TailJumps(CallGraph graph, boolean[] hasSite) {
        this.graph = graph;
        this.hasSite = hasSite;
    }

    /// How `from` can jump to `to`.
    ///
    /// @param to a function, or [CallGraph#NONE] for an unknown target
    int between(int from, int to) {
        long pair = (from + 1L) << 32 | to + 1L;
        long answer = known.find(pair);
        if (answer == 0) {
            answer = 1 + search(from, to, MOST_STEPS);
            known.add(pair, answer);
        }
        return (int) answer - 1;
    }

    private int search(int from, int to, int stepsLeft) {
        if (from == CallGraph.NONE) {
            return NONE;
        }
        int best = NONE;
        for (CallEdge edge : graph.callees(from)) {
            if (edge.isOwn() && (edge.kind() == EdgeKind.TAIL_JUMP || edge.kind() == EdgeKind.CONDITIONAL_JUMP)) {
                best = better(best, step(edge.target(), to, stepsLeft));
            }
            if (best == DIRECT) {
                return DIRECT;
            }
        }
        if (graph.flowsIntoNext(from)) {
            best = better(best, step(from + 1, to, stepsLeft));
        }
        return best == NONE && jumpsIndirectly(from) ? INDIRECT : best;
    }

    private int step(int target, int to, int stepsLeft) {
        if (target == CallGraph.NONE) {
            return NONE;
        }
        if (target == to) {
            return DIRECT;
        }
        return hasSite[target] || stepsLeft == 0 ? NONE : search(target, to, stepsLeft - 1);
    }

    private static int better(int one, int other) {
        return one == DIRECT || other == NONE ? one : other;
    }

    private boolean jumpsIndirectly(int function) {
        for (IndirectSite site : graph.indirectSites(function)) {
            if (!site.isCall()) {
                return true;
            }
        }
        return false;
    }
}
