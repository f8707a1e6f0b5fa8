package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.FrameSizes;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;

/// Which functions can be under way when one runs whose entry cannot be seen: it was called by them, straight or over
/// others that are not seen either. Inline functions that the compiler gave a body of their own are such: the kernel
/// builds them without entry NOPs. Remembers what it was asked. For one thread.
final class UnseenPaths {
    private static final int LARGEST_FRAMES_BYTES = 16 << 10;
    private static final int DISTANCE_BITS = 16;
    private static final int MOST_WAYS = 1 << 12;

    private final CallGraph graph;
    private final boolean[] hasSite;
    private final FrameSizes frames;
    private final BitSet[] above;
    private final Set<Long>[] ways;
    private final BitSet[] lengths;
    private final int[][] indirectFrames;
    private BitSet aboveIndirect;

    /// @param hasSite by function, whether its entry can be seen
    @SuppressWarnings({"unchecked", "rawtypes"})
    UnseenPaths(CallGraph graph, boolean[] hasSite, FrameSizes frames) {
        this.graph = graph;
        this.hasSite = hasSite;
        this.frames = frames;
        this.above = new BitSet[hasSite.length];
        this.ways = new Set[hasSite.length];
        this.lengths = new BitSet[hasSite.length];
        this.indirectFrames = new int[hasSite.length][];
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

    /// Whether on one of these ways the return addresses of both stand so far apart on the stack.
    boolean leads(int from, int unseen, long distanceBytes) {
        if (from == CallGraph.NONE || distanceBytes < 0 || distanceBytes > LARGEST_FRAMES_BYTES) {
            return false;
        }
        Set<Long> known = ways[unseen];
        if (known == null) {
            known = waysTo(unseen);
            ways[unseen] = known;
            lengths[unseen] = lengths(known);
        }
        return known.contains(way(from, distanceBytes));
    }

    /// Whether a call through a pointer in `from` can have led to `unseen`, over unseen functions only, with the return
    /// addresses of both so far apart.
    boolean leadsByPointer(int from, int unseen, long distanceBytes) {
        if (from == CallGraph.NONE || distanceBytes < 0 || distanceBytes > LARGEST_FRAMES_BYTES) {
            return false;
        }
        leads(from, unseen, distanceBytes);
        for (int frameBytes : indirectFrames(from)) {
            if (lengths[unseen].get((int) Math.max(0, distanceBytes - frameBytes)) && distanceBytes >= frameBytes) {
                return true;
            }
        }
        return false;
    }

    private int[] indirectFrames(int function) {
        int[] known = indirectFrames[function];
        if (known == null) {
            known = graph.indirectSites(function).stream()
                    .mapToInt(site -> site.isCall() ? frames.bytesAt(site.siteAddress()) : 0)
                    .filter(bytes -> bytes != 0)
                    .distinct()
                    .toArray();
            indirectFrames[function] = known;
        }
        return known;
    }

    /// How far above the return address of a call its caller's own stands; 0 if unknown.
    int frameBytes(long returnAddress) {
        return frames.bytesAt(returnAddress - 1);
    }

    private static long way(int function, long distanceBytes) {
        return (long) function << DISTANCE_BITS | distanceBytes;
    }

    private Set<Long> waysTo(int unseen) {
        Set<Long> reached = new HashSet<>();
        ArrayDeque<Long> waiting = new ArrayDeque<>();
        reached.add(way(unseen, 0));
        waiting.add(way(unseen, 0));
        while (!waiting.isEmpty() && reached.size() < MOST_WAYS) {
            long way = waiting.remove();
            for (CallEdge edge : graph.callers((int) (way >>> DISTANCE_BITS))) {
                long before = before(edge, way & (1 << DISTANCE_BITS) - 1);
                if (before >= 0 && reached.add(before) && !hasSite[edge.source()]) {
                    waiting.add(before);
                }
            }
        }
        return reached;
    }

    // How far up the unseen functions among them stand: from any of these a pointer can lead on.
    private BitSet lengths(Set<Long> reached) {
        BitSet lengths = new BitSet();
        for (long way : reached) {
            if (!hasSite[(int) (way >>> DISTANCE_BITS)]) {
                lengths.set((int) way & (1 << DISTANCE_BITS) - 1);
            }
        }
        return lengths;
    }

    // A jump leaves the frame as it is: at a function's end it is empty, and a .cold part shares it.
    private long before(CallEdge edge, long distanceBytes) {
        if (!edge.isOwn() || edge.kind() == EdgeKind.RETURN || edge.source() == CallGraph.NONE) {
            return -1;
        }
        if (edge.kind() != EdgeKind.CALL) {
            return way(edge.source(), distanceBytes);
        }
        int frame = frames.bytesAt(edge.siteAddress());
        boolean isKnown = frame != 0 && distanceBytes + frame <= LARGEST_FRAMES_BYTES;
        return isKnown ? way(edge.source(), distanceBytes + frame) : -1;
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
