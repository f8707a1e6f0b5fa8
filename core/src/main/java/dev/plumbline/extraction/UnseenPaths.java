package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.stream.IntStream;

/// Which functions can be under way when one runs whose entry cannot be seen: it was called by them, straight or over
/// others that are not seen either. Inline functions that the compiler gave a body of their own are such: the kernel
/// builds them without entry NOPs. Remembers what it was asked. For one thread.
final class UnseenPaths {
    private final CallGraph graph;
    private final boolean[] hasSite;
    private final BitSet[] above;
    private BitSet aboveIndirect;

    /// @param hasSite by function, whether its entry can be seen
    UnseenPaths(CallGraph graph, boolean[] hasSite) {
        this.graph = graph;
        this.hasSite = hasSite;
        this.above = new BitSet[hasSite.length];
    }

    /// Whether `from` calls or jumps to `unseen` directly, or over unseen functions only.
    boolean leads(int from, int unseen) {
        BitSet known = above[unseen];
        if (known == null) {
            BitSet start = new BitSet();
            start.set(unseen);
            known = above(start);
            above[unseen] = known;
        }
        return from != CallGraph.NONE && known.get(from);
    }

    /// Whether `from`, or an unseen function below it, calls or jumps through a pointer, which may lead anywhere.
    boolean leadsAnywhere(int from) {
        if (aboveIndirect == null) {
            BitSet start = new BitSet();
            for (IndirectSite site : graph.indirectSites()) {
                if (site.source() != CallGraph.NONE) {
                    start.set(site.source());
                }
            }
            aboveIndirect = above(start);
            start.stream().filter(function -> hasSite[function]).forEach(aboveIndirect::set);
        }
        return from != CallGraph.NONE && aboveIndirect.get(from);
    }

    // The first functions that are seen on all ways up.
    private BitSet above(BitSet start) {
        BitSet reached = (BitSet) start.clone();
        BitSet result = new BitSet();
        ArrayDeque<Integer> waiting = new ArrayDeque<>();
        start.stream().filter(function -> !hasSite[function]).forEach(waiting::add);
        while (!waiting.isEmpty()) {
            sources(waiting.remove()).filter(source -> !reached.get(source)).forEach(source -> {
                reached.set(source);
                if (hasSite[source]) {
                    result.set(source);
                } else {
                    waiting.add(source);
                }
            });
        }
        return result;
    }

    private IntStream sources(int function) {
        IntStream direct = graph.callers(function).stream()
                .filter(edge -> edge.isOwn() && edge.kind() != EdgeKind.RETURN)
                .mapToInt(CallEdge::source)
                .filter(source -> source != CallGraph.NONE);
        boolean isFlowedInto = function > 0 && graph.flowsIntoNext(function - 1);
        return isFlowedInto ? IntStream.concat(direct, IntStream.of(function - 1)) : direct;
    }
}
