package dev.plumbline.report;

import static dev.plumbline.report.Json.hex;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Reachability;
import java.io.PrintWriter;
import java.util.Map;

/// Prints a call graph: its size, and what one system call can reach by direct calls and jumps.
public final class CallgraphReport {
    private static final String LINE = "%-15s %,d%n";

    private final CallGraph graph;
    private final String systemCall;
    private final int entry;
    private final Reachability reachable;

    /// @param graph what to print
    public CallgraphReport(CallGraph graph) {
        this(graph, null, CallGraph.NONE, null);
    }

    private CallgraphReport(CallGraph graph, String systemCall, int entry, Reachability reachable) {
        this.graph = graph;
        this.systemCall = systemCall;
        this.entry = entry;
        this.reachable = reachable;
    }

    /// The same with what a system call reaches.
    ///
    /// @param name the system call's name
    /// @param address where its function starts
    public CallgraphReport from(String name, long address) {
        int function = graph.functionAt(address);
        return new CallgraphReport(graph, name, function, graph.reachableFrom(function));
    }

    /// As text for people.
    ///
    /// @param depth how many levels of callees are shown
    public void print(PrintWriter out, int depth) {
        out.printf(LINE, "functions", graph.functionCount());
        out.printf(LINE, "direct edges", graph.edgeCount());
        out.printf(LINE, "indirect sites", graph.indirectSiteCount());
        if (reachable == null) {
            return;
        }
        out.println();
        out.printf(
                "%s reaches %,d functions by direct calls and jumps, and what %,d indirect sites lead to:%n",
                systemCall, reachable.functionCount(), reachable.indirectSiteCount());
        new CallTree(graph, out).print(entry, depth);
    }

    /// As the object of the JSON contract.
    public Map<String, Object> json() {
        Map<String, Object> fields = Json.object(
                "functions", graph.functionCount(),
                "directEdges", graph.edgeCount(),
                "indirectSites", graph.indirectSiteCount());
        if (reachable != null) {
            fields.put("from", systemCall);
            fields.put(
                    "reachable",
                    reachable
                            .functions()
                            .mapToObj(function -> graph.function(function).name())
                            .toList());
            fields.put(
                    "reachableIndirectSites",
                    reachable
                            .indirectSites()
                            .mapToObj(site -> hex(graph.indirectSite(site).siteAddress()))
                            .toList());
        }
        return fields;
    }
}
