package dev.plumbline.probe.trap;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.IndirectSite;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Where functions lead: found when a function first runs, and kept. For one thread.
final class Leads {
    /// Thunks of indirect calls and returns: what calls through them is an indirect site itself.
    private static final String THUNK = "__x86_";

    private final CallGraph graph;
    private final Map<Integer, Long> sites = new HashMap<>();
    private final BitSet leftOut = new BitSet();
    private final Map<Integer, Lead> known = new HashMap<>();

    /// What a function can run next.
    ///
    /// @param entries sites of the functions that it calls or jumps to, itself or through functions without a site;
    ///   ascending
    /// @param indirect where it calls or jumps through a pointer, itself or in functions without a site
    record Lead(long[] entries, List<IndirectSite> indirect) {
        boolean hasEntry(long site) {
            return Arrays.binarySearch(entries, site) >= 0;
        }
    }

    /// @param chosen sites that may have a probe
    Leads(CallGraph graph, Collection<Long> chosen) {
        this.graph = graph;
        for (long site : graph.patchPlaces().ftraceSites()) {
            set(leftOut, graph.functionAt(site));
        }
        for (long site : chosen) {
            int function = graph.functionAt(site);
            if (function != CallGraph.NONE) {
                sites.put(function, site);
                leftOut.clear(function);
            }
        }
    }

    private static void set(BitSet functions, int function) {
        if (function != CallGraph.NONE) {
            functions.set(function);
        }
    }

    CallGraph graph() {
        return graph;
    }

    /// Whether the function has a site.
    boolean hasSite(int function) {
        return sites.containsKey(function);
    }

    /// The site of a function that has one.
    long site(int function) {
        return sites.get(function);
    }

    /// Where a function leads.
    Lead of(int function) {
        return known.computeIfAbsent(function, it -> new Search().from(it));
    }

    // Through functions without a site as if they were part of their callers; not through those that could have one and
    // are left out, as not worth watching.
    private final class Search {
        private final BitSet seen = new BitSet();
        private final ArrayDeque<Integer> waiting = new ArrayDeque<>();
        private final List<Long> entries = new ArrayList<>();
        private final List<IndirectSite> indirect = new ArrayList<>();

        Lead from(int function) {
            seen.set(function);
            waiting.add(function);
            while (!waiting.isEmpty()) {
                visit(waiting.remove());
            }
            return new Lead(
                    entries.stream()
                            .mapToLong(Long::longValue)
                            .sorted()
                            .distinct()
                            .toArray(),
                    indirect);
        }

        private void visit(int function) {
            indirect.addAll(graph.indirectSites(function));
            for (CallEdge edge : graph.callees(function)) {
                if (edge.isOwn() && edge.isResolved() && edge.kind() != EdgeKind.RETURN) {
                    reach(edge.target());
                }
            }
            if (graph.flowsIntoNext(function)) {
                reach(function + 1);
            }
        }

        private void reach(int function) {
            if (hasSite(function)) {
                entries.add(site(function));
            } else if (!seen.get(function)
                    && !leftOut.get(function)
                    && !graph.function(function).name().startsWith(THUNK)) {
                seen.set(function);
                waiting.add(function);
            }
        }
    }
}
