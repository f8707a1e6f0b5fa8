package dev.plumbline.report;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.EdgeKind;
import dev.plumbline.callgraph.Function;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.x86.BranchOperand;
import java.io.PrintWriter;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Prints callees below their callers. A function that has been unfolded is not unfolded again.
final class CallTree {
    private final CallGraph graph;
    private final PrintWriter out;
    private final Set<Integer> unfolded = new HashSet<>();

    CallTree(CallGraph graph, PrintWriter out) {
        this.graph = graph;
        this.out = out;
    }

    void print(int root, int depth) {
        unfolded.clear();
        print(root, "", "", depth);
    }

    private void print(int function, String first, String rest, int depthLeft) {
        List<Integer> callees = callees(function);
        List<IndirectSite> sites = graph.indirectSites(function);
        boolean leaf = callees.isEmpty() && sites.isEmpty();
        boolean again = !leaf && (depthLeft == 0 ? unfolded.contains(function) : !unfolded.add(function));
        boolean folded = depthLeft == 0 && !callees.isEmpty();
        out.println(first + label(function) + (again ? "  (above)" : folded ? "  … " + callees.size() : ""));
        if (again || depthLeft == 0) {
            return;
        }
        for (int i = 0; i < callees.size(); i++) {
            boolean last = i == callees.size() - 1 && sites.isEmpty();
            print(callees.get(i), rest + (last ? "└─ " : "├─ "), rest + (last ? "   " : "│  "), depthLeft - 1);
        }
        for (int i = 0; i < sites.size(); i++) {
            out.println(rest + (i == sites.size() - 1 ? "└─ " : "├─ ") + label(sites.get(i), function));
        }
    }

    // Returns through the return thunk are no callees; a function called from several places is one.
    private List<Integer> callees(int function) {
        Set<Integer> callees = new LinkedHashSet<>();
        for (CallEdge edge : graph.callees(function)) {
            boolean viaThunk =
                    graph.indirectSites(function).stream().anyMatch(site -> site.siteAddress() == edge.siteAddress());
            if (edge.isResolved() && edge.isOwn() && edge.kind() != EdgeKind.RETURN && !viaThunk) {
                callees.add(edge.target());
            }
        }
        callees.remove(function);
        return List.copyOf(callees);
    }

    private String label(int number) {
        Function function = graph.function(number);
        String owner = function.owner() == null ? "" : " [" + function.owner() + "]";
        return PlainText.of(function.name() + owner);
    }

    private String label(IndirectSite site, int function) {
        String offset = "+0x"
                + Long.toHexString(site.siteAddress() - graph.function(function).address());
        return (site.isCall() ? "call *" : "jmp *") + operand(site.operand()) + "  at " + offset;
    }

    private static String operand(BranchOperand operand) {
        return switch (operand) {
            case BranchOperand.InRegister register -> register.name();
            case BranchOperand.AtAddress pointer -> "[" + Json.hex(pointer.address()) + "]";
            case BranchOperand.InMemory _ -> "memory";
        };
    }
}
