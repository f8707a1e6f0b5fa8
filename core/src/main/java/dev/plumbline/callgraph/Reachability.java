package dev.plumbline.callgraph;

import java.util.BitSet;
import java.util.stream.IntStream;

/// What can run when some functions are entered, as far as direct edges tell: the functions reached, and on the way
/// the indirect sites, behind which anything may follow. A function is reached as a whole, wherever it is entered,
/// and so is its neighbour where control flows on into it. Immutable.
public final class Reachability {
    private final BitSet functions;
    private final BitSet indirectSites;
    private final BitSet unresolvedEdges;

    Reachability(BitSet functions, BitSet indirectSites, BitSet unresolvedEdges) {
        this.functions = functions;
        this.indirectSites = indirectSites;
        this.unresolvedEdges = unresolvedEdges;
    }

    /// Whether the function is reached; the start is.
    public boolean contains(int function) {
        return functions.get(function);
    }

    /// How many functions are reached.
    public int functionCount() {
        return functions.cardinality();
    }

    /// The functions reached, ascending.
    public IntStream functions() {
        return functions.stream();
    }

    /// How many indirect sites stand in the functions reached.
    public int indirectSiteCount() {
        return indirectSites.cardinality();
    }

    /// The numbers of these indirect sites, for [CallGraph#indirectSite], ascending.
    public IntStream indirectSites() {
        return indirectSites.stream();
    }

    /// The numbers of direct edges met that lead to no known function, for [CallGraph#edge], ascending.
    public IntStream unresolvedEdges() {
        return unresolvedEdges.stream();
    }
}
