package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.EdgeNames;
import dev.plumbline.extraction.NamedPlaces;
import dev.plumbline.extraction.ObservedEdge;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.LearntEdge;
import dev.plumbline.learning.Model;
import dev.plumbline.probe.EdgeContext;
import dev.plumbline.probe.KnownEdge;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/// The edges of a model that need not leave the guest, by addresses of a running kernel: those that [EdgeComparison]
/// has nothing to say of, whoever makes them.
///
/// Left out, and told like any other, are: code of modules, since another module may come to where one stands; what
/// one family of kernel threads does and not all, since the guest does not tell these apart; 32-bit system calls,
/// which edge mode knows by number only. For one thread.
public final class ModelEdges {
    /// Where many functions share a name, all pairs of them are normal, and take room.
    private static final int MOST_PAIRS = 64;

    private static final Context ANY = new Context(ContextKind.OTHER, "");

    private final Model model;
    private final EdgeComparison comparison;
    private final EdgeNames names;
    private final NamedPlaces places;
    private final Map<Long, Long> sites = new HashMap<>();

    /// @param comparison compares with the model
    /// @param code the kernel's code
    /// @param sites where probes go
    public ModelEdges(Model model, EdgeComparison comparison, TracedCode code, List<Long> sites) {
        this.model = model;
        this.comparison = comparison;
        this.names = new EdgeNames(code);
        CallGraph graph = code.graph();
        this.places = new NamedPlaces(graph);
        for (long site : sites) {
            int function = graph.functionAt(site);
            if (function != CallGraph.NONE) {
                this.sites.put(graph.address(function), site);
            }
        }
    }

    /// The edges, those that were seen most last.
    ///
    /// @param calls the kernel's system calls
    public List<KnownEdge> known(List<SystemCall> calls) {
        Map<KnownEdge, Long> own = new HashMap<>();
        List<Integer> rows = new ArrayList<>(
                List.of(EdgeContext.FROM_USER_MODE, EdgeContext.INTERRUPT_STACK, EdgeContext.KERNEL_THREAD));
        for (SystemCall call : calls) {
            model.context(new Context(ContextKind.SYSTEM_CALL, call.name())).ifPresent(learnt -> {
                addNormal(own, learnt, call.name(), true, call.number());
                rows.add(call.number());
            });
        }
        Map<KnownEdge, Long> anywhere = new HashMap<>();
        for (ContextModel learnt : model.modelsFor(ANY)) {
            addNormal(anywhere, learnt, ANY.title(), false, EdgeContext.NO_SUCH_CALL);
        }
        List<KnownEdge> known = new ArrayList<>();
        for (KnownEdge edge : rising(anywhere)) {
            rows.stream()
                    .map(row -> new KnownEdge(edge.site(), edge.returnAddress(), row))
                    .filter(each -> !own.containsKey(each))
                    .forEach(known::add);
        }
        known.addAll(rising(own));
        return known;
    }

    private static List<KnownEdge> rising(Map<KnownEdge, Long> calls) {
        return calls.entrySet().stream()
                .sorted(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .toList();
    }

    private void addNormal(
            Map<KnownEdge, Long> edges, ContextModel learnt, String context, boolean inSystemCall, int row) {
        for (LearntEdge edge : learnt.edges()) {
            for (KnownEdge pair : pairs(edge, row)) {
                ObservedEdge observed =
                        names.edge(context, inSystemCall, pair.site(), pair.returnAddress(), TaskIdentity.UNKNOWN, 0);
                if (comparison.isNormal(observed)) {
                    edges.merge(pair, edge.calls(), Long::sum);
                }
            }
        }
    }

    private List<KnownEdge> pairs(LearntEdge edge, int row) {
        boolean isInModule = LearntCalls.module(edge.site())
                .or(() -> LearntCalls.module(edge.function()))
                .isPresent();
        long[] callers = isInModule ? new long[0] : places.places(edge.site());
        long[] functions = isInModule ? new long[0] : places.functions(edge.function());
        List<KnownEdge> pairs = new ArrayList<>();
        if ((long) callers.length * functions.length <= MOST_PAIRS) {
            for (long caller : callers) {
                LongStream.of(functions)
                        .filter(sites::containsKey)
                        .forEach(function -> pairs.add(new KnownEdge(sites.get(function), caller, row)));
            }
        }
        return pairs;
    }
}
