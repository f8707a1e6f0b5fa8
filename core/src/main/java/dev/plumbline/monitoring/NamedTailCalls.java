package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.NamedPlaces;
import dev.plumbline.extraction.TailReach;
import java.util.BitSet;
import java.util.List;

/// Tail calls of a kernel by the names of its functions. For one thread.
public final class NamedTailCalls implements EdgeComparison.TailCalls {
    private final FlowNames names = new FlowNames();
    private CallGraph graph;
    private TailReach reach;
    private NamedPlaces places;

    /// @param graph the code
    public NamedTailCalls(CallGraph graph) {
        codeChanged(graph);
    }

    /// The code has changed: modules came or went.
    public void codeChanged(CallGraph now) {
        graph = now;
        reach = new TailReach(now);
        places = new NamedPlaces(now);
    }

    @Override
    public boolean lead(String from, String to) {
        for (long start : places.functions(from)) {
            for (long end : places.functions(to)) {
                if (reach.leads(graph.functionAt(start), graph.functionAt(end))) {
                    return true;
                }
            }
            if (reach.leadsAnywhere(graph.functionAt(start))) {
                return true;
            }
        }
        return false;
    }

    @Override
    public List<String> into(String to) {
        BitSet functions = new BitSet();
        for (long end : places.functions(to)) {
            functions.or(reach.into(graph.functionAt(end)));
        }
        return functions.stream()
                .mapToObj(function -> names.function(graph, function, 0))
                .toList();
    }
}
