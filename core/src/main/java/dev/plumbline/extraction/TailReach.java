package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.x86.PatchShape;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/// Which functions one function can end in, by jumps and by running on into the next, over as many others as it takes:
/// all of them return to where the first was called from. Remembers what it was asked. For one thread.
public final class TailReach {
    private static final int MOST_KNOWN = 1 << 14;
    /// Chains of jumps are short; what leads further is not followed.
    private static final int MOST_FUNCTIONS = 1 << 12;

    private static final int LONGEST_SITE_BYTES = 6;

    private final CallGraph graph;
    private final BitSet endingInStaticCalls = new BitSet();
    private final Map<Integer, Ends> known = new HashMap<>();

    /// @param functions numbers of those that can be reached, itself among them
    /// @param isOpen whether one of them can jump through a pointer, or there were too many to follow
    private record Ends(BitSet functions, boolean isOpen) {}

    /// @param graph the code
    public TailReach(CallGraph graph) {
        this.graph = graph;
        for (CodeRegion region : graph.regions()) {
            for (long site : graph.patchPlaces().staticCallSites()) {
                if (region.contains(site) && isTail(region, site)) {
                    endingInStaticCalls.set(graph.functionAt(site));
                }
            }
        }
    }

    // One that leads nowhere now is a return, and has no edge.
    private static boolean isTail(CodeRegion region, long site) {
        long offset = site - region.baseAddress();
        int size = (int) Math.min(LONGEST_SITE_BYTES, region.endAddress() - site);
        byte[] code = region.bytes().asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE);
        return switch (PatchShape.of(code, 0, size)) {
            case JUMP, CONDITIONAL_JUMP, RETURN -> true;
            default -> false;
        };
    }

    /// Whether `from` can end in `to` by direct jumps.
    public boolean leads(int from, int to) {
        return ends(from).functions().get(to);
    }

    /// Whether `from` can end with a jump through a pointer, which may lead anywhere.
    public boolean leadsAnywhere(int from) {
        return ends(from).isOpen();
    }

    /// The functions that can end in this one by direct jumps, itself among them.
    public BitSet into(int function) {
        BitSet seen = new BitSet();
        ArrayDeque<Integer> waiting = new ArrayDeque<>();
        add(function, seen, waiting);
        for (int count = 0; !waiting.isEmpty() && count < MOST_FUNCTIONS; count++) {
            int end = waiting.remove();
            for (CallEdge edge : graph.callers(end)) {
                if (isOwnJump(edge)) {
                    add(edge.source(), seen, waiting);
                }
            }
            if (end > 0 && graph.flowsIntoNext(end - 1)) {
                add(end - 1, seen, waiting);
            }
        }
        return seen;
    }

    private static boolean isOwnJump(CallEdge edge) {
        return edge.isOwn() && (edge.kind() == EdgeKind.TAIL_JUMP || edge.kind() == EdgeKind.CONDITIONAL_JUMP);
    }

    private Ends ends(int from) {
        Ends ends = known.get(from);
        if (ends == null) {
            if (known.size() == MOST_KNOWN) {
                known.clear();
            }
            ends = follow(from);
            known.put(from, ends);
        }
        return ends;
    }

    private Ends follow(int from) {
        BitSet seen = new BitSet();
        ArrayDeque<Integer> waiting = new ArrayDeque<>();
        boolean isOpen = false;
        int count = 0;
        seen.set(from);
        waiting.add(from);
        while (!waiting.isEmpty()) {
            int function = waiting.remove();
            isOpen |= ++count > MOST_FUNCTIONS || jumpsAnywhere(function);
            if (count > MOST_FUNCTIONS) {
                break;
            }
            for (CallEdge edge : graph.callees(function)) {
                if (isOwnJump(edge)) {
                    add(edge.target(), seen, waiting);
                }
            }
            if (graph.flowsIntoNext(function)) {
                add(function + 1, seen, waiting);
            }
        }
        return new Ends(seen, isOpen);
    }

    private static void add(int function, BitSet seen, ArrayDeque<Integer> waiting) {
        if (function != CallGraph.NONE && !seen.get(function)) {
            seen.set(function);
            waiting.add(function);
        }
    }

    // Static calls are jumps that the kernel leads elsewhere; a kprobe may stand for an instruction.
    private boolean jumpsAnywhere(int function) {
        if (endingInStaticCalls.get(function)
                || graph.function(function).isStaticCallTrampoline()
                || graph.function(function).hasKprobe()) {
            return true;
        }
        for (IndirectSite site : graph.indirectSites(function)) {
            if (!site.isCall()) {
                return true;
            }
        }
        return graph.callees(function).stream()
                .anyMatch(edge ->
                        edge.kind() == EdgeKind.TAIL_JUMP && edge.patched().isPresent());
    }
}
