package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;
import java.util.List;

/// Where a call came from, found from its return address: packed into a long, for a table.
///
/// Bits 0 to 23 hold the caller's number plus 1, bits 24 to 47 the number plus 1 of the function that the call
/// instruction names, bits 48 to 51 the caller's [Role], bit 52 whether the call is indirect; bit 53 is always set. The
/// other 10 hold the caller's frame in words of 8 bytes; 0 if it is unknown or larger.
final class Origin {
    private static final int FUNCTION_BITS = 24;
    private static final long FUNCTION_MASK = (1L << FUNCTION_BITS) - 1;
    private static final int ROLE_SHIFT = 2 * FUNCTION_BITS;
    private static final long INDIRECT = 1L << 52;
    private static final long KNOWN = 1L << 53;
    private static final int FRAME_SHIFT = 54;
    private static final int LARGEST_FRAME_BYTES = ((1 << 10) - 1) << 3;
    // A direct call is 5 bytes and may have prefixes; an indirect call is at most 9 with them.
    private static final int LONGEST_CALL_BYTES = 9;

    /// More functions than fit; no kernel comes near.
    static final int MOST_FUNCTIONS = (int) FUNCTION_MASK - 1;

    private Origin() {}

    /// The function that made the call, or [CallGraph#NONE].
    static int caller(long origin) {
        return (int) (origin & FUNCTION_MASK) - 1;
    }

    /// The function the call instruction names, or [CallGraph#NONE] if it names none or is not known.
    static int callee(long origin) {
        return (int) (origin >>> FUNCTION_BITS & FUNCTION_MASK) - 1;
    }

    static int role(long origin) {
        return (int) (origin >>> ROLE_SHIFT & 15);
    }

    static boolean isIndirect(long origin) {
        return (origin & INDIRECT) != 0;
    }

    /// How far above the return address the caller's own return address stands; 0 if unknown.
    static int frameBytes(long origin) {
        return (int) (origin >>> FRAME_SHIFT) << 3;
    }

    /// @param caller the function the return address lies in, its cold part being the function itself
    /// @param frameBytes how large the caller's frame is there, its return address included; 0 if unknown
    static long of(CallGraph graph, long returnAddress, int caller, int role, int frameBytes) {
        long frame = (frameBytes & 7) == 0 && frameBytes <= LARGEST_FRAME_BYTES ? frameBytes >> 3 : 0;
        long origin = KNOWN | caller + 1 | (long) role << ROLE_SHIFT | frame << FRAME_SHIFT;
        int place = graph.functionAt(returnAddress - 1);
        if (place == CallGraph.NONE) {
            return origin;
        }
        CallEdge edge = edgeBefore(graph.callees(place), returnAddress);
        IndirectSite site = siteBefore(graph.indirectSites(place), returnAddress);
        // A call through a thunk is both.
        if (site != null && (edge == null || edge.siteAddress() <= site.siteAddress())) {
            return origin | INDIRECT;
        }
        return edge == null ? origin : origin | (long) (edge.target() + 1) << FUNCTION_BITS;
    }

    /// The address of the call instruction before the return address, or 0 if none is known.
    static long callSite(CallGraph graph, long returnAddress) {
        int place = graph.functionAt(returnAddress - 1);
        if (place == CallGraph.NONE) {
            return 0;
        }
        CallEdge edge = edgeBefore(graph.callees(place), returnAddress);
        IndirectSite site = siteBefore(graph.indirectSites(place), returnAddress);
        if (site != null && (edge == null || edge.siteAddress() <= site.siteAddress())) {
            return site.siteAddress();
        }
        return edge == null ? 0 : edge.siteAddress();
    }

    private static CallEdge edgeBefore(List<CallEdge> edges, long address) {
        int low = 0;
        int high = edges.size();
        while (low < high) {
            int middle = low + high >>> 1;
            if (edges.get(middle).siteAddress() < address) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        CallEdge edge = low == 0 ? null : edges.get(low - 1);
        boolean isIt =
                edge != null && edge.kind() == EdgeKind.CALL && address - edge.siteAddress() <= LONGEST_CALL_BYTES;
        return isIt ? edge : null;
    }

    private static IndirectSite siteBefore(List<IndirectSite> sites, long address) {
        IndirectSite last = null;
        for (int i = 0; i < sites.size(); i++) {
            IndirectSite site = sites.get(i);
            if (site.siteAddress() >= address) {
                break;
            }
            last = site;
        }
        boolean isIt = last != null && last.isCall() && address - last.siteAddress() <= LONGEST_CALL_BYTES;
        return isIt ? last : null;
    }
}
