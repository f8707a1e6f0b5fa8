package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.LongTable;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.Method;
import dev.plumbline.learning.Model;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Compares whole flows with a model's calling context trees. Beside [EdgeComparison], which looks at each call by
/// itself: what that has something to say of is left to it.
///
/// - A function that runs below a chain of callers where it was not seen, by a call that is known in this context, is
///   [Severity#LOW]. What runs below it is not looked at.
/// - So is a chain of callers that every flow of a context has shown, of many, and that is absent from one.
///
/// Each is raised once, by one alert a context. The functions with probes must be those that the model was learnt
/// with. For one thread.
public final class PathComparison implements FlowSink {
    /// What so many flows have all shown is missing in less than one of 300, with 95 % confidence (the rule of three).
    private static final long ENOUGH_FLOWS = 1000;

    private static final int MOST_NODES = 1 << 20;
    private static final int MOST_CONTEXTS = 1 << 12;
    private static final int MOST_DEPTH = 1023;
    private static final int MOST_FUNCTIONS = 1 << 20;
    private static final int FUNCTION_BITS = 20;
    // What is remembered is never 0.
    private static final long REMEMBERED = 1L << 63;
    private static final long FIRST_KNOWN = 2;
    private static final long UNKNOWN = 1;

    private final Model model;
    private final Alert.Sink sink;
    private final FlowNames names = new FlowNames();
    private final Map<Object, Optional<Learnt>> contexts = new HashMap<>();
    private final Map<Context, Learnt> learntContexts = new HashMap<>();
    // Of all contexts, by number: nodes that no flow is without.
    private final BitSet expected = new BitSet();
    private final long[] metIn;
    private final int[] open = new int[MOST_DEPTH + 2];
    private CallGraph graph;
    private LongTable nodes = new LongTable(MOST_NODES);
    private long flowCount;

    /// @param model what is normal
    /// @param sink takes the alerts
    public PathComparison(Model model, Alert.Sink sink) {
        this.model = model;
        this.sink = sink;
        this.metIn = new long[model.count(Method.PATH)];
    }

    private static final class Learnt {
        private final ContextModel own;
        private final List<ContextModel> alike;
        private final int number;
        private int expectedCount;

        Learnt(ContextModel own, List<ContextModel> alike, int number) {
            this.own = own;
            this.alike = alike;
            this.number = number;
        }

        boolean knowsEdge(String site, String function) {
            return alike.stream().anyMatch(each -> each.knowsEdge(site, function));
        }
    }

    @Override
    public void flow(Flow flow) {
        Optional<Learnt> learnt = flow.isWhole() ? learnt(flow) : Optional.empty();
        if (learnt.isPresent()) {
            use(flow.graph());
            compare(flow, learnt.get());
        }
    }

    private void use(CallGraph now) {
        if (graph != now) {
            graph = now;
            nodes = new LongTable(MOST_NODES);
        }
    }

    private Optional<Learnt> learnt(Flow flow) {
        Object inHand = switch (flow.kind()) {
            case SYSTEM_CALL -> flow.systemCall();
            case KERNEL_THREAD -> flow.task().comm();
            case INTERRUPT, EXCEPTION, NEW_TASK, OTHER -> flow.kind();
        };
        Optional<Learnt> known = contexts.get(inHand);
        if (known == null) {
            if (contexts.size() == MOST_CONTEXTS) {
                contexts.clear();
            }
            Context context = Context.of(flow);
            known = model.context(context).map(own -> learntContexts.computeIfAbsent(context, _ -> newlyUsed(own)));
            contexts.put(inHand, known);
        }
        return known;
    }

    private Learnt newlyUsed(ContextModel own) {
        Learnt learnt = new Learnt(own, model.modelsFor(own.context()), learntContexts.size());
        if (own.flowCount() >= ENOUGH_FLOWS) {
            for (int node : own.constantNodes()) {
                expected.set(node);
                learnt.expectedCount++;
            }
        }
        return learnt;
    }

    private void compare(Flow flow, Learnt learnt) {
        flowCount++;
        int met = 0;
        int top = 0;
        open[0] = ContextModel.ROOT;
        for (int call = 0; call < flow.callCount(); call++) {
            // As when it was learnt: a call is at most one deeper than the one before it.
            int depth = Math.min(Math.min(flow.depth(call), MOST_DEPTH), top);
            int node =
                    open[depth] == ContextModel.NO_NODE ? ContextModel.NO_NODE : node(flow, call, open[depth], learnt);
            top = depth + 1;
            open[top] = node;
            if (node >= 0 && metIn[node] != flowCount) {
                metIn[node] = flowCount;
                met += expected.get(node) ? 1 : 0;
            }
        }
        if (met < learnt.expectedCount && flow.hasEnded()) {
            missing(flow, learnt);
        }
    }

    private int node(Flow flow, int call, int parent, Learnt learnt) {
        int function = flow.function(call);
        if (function == CallGraph.NONE || function >= MOST_FUNCTIONS) {
            return ContextModel.NO_NODE;
        }
        long above = parent == ContextModel.ROOT ? learnt.number : (long) MOST_CONTEXTS + parent;
        long key = REMEMBERED | above << FUNCTION_BITS | function;
        long found = nodes.find(key);
        if (found == 0) {
            int node = learnt.own.node(parent, names.function(flow, call));
            found = node == ContextModel.NO_NODE ? UNKNOWN : node + FIRST_KNOWN;
            nodes.add(key, found);
            if (found == UNKNOWN) {
                unknown(flow, call, learnt);
            }
        }
        return found == UNKNOWN ? ContextModel.NO_NODE : (int) (found - FIRST_KNOWN);
    }

    private void unknown(Flow flow, int call, Learnt learnt) {
        String function = names.function(flow, call);
        String caller = names.caller(flow, call);
        if (learnt.knowsEdge(caller, function)) {
            raise(
                    flow,
                    "%s goes ways that were not seen while learning"
                            .formatted(learnt.own.context().title()),
                    path(flow, call),
                    new Evidence("below " + caller, "no call on this way", function));
        }
    }

    private List<String> path(Flow flow, int call) {
        List<String> path = new ArrayList<>();
        int depth = flow.depth(call) + 1;
        for (int at = call; at >= 0 && depth > 0; at--) {
            if (flow.depth(at) < depth) {
                depth = flow.depth(at);
                path.addFirst(names.function(flow, at));
            }
        }
        return path;
    }

    private void missing(Flow flow, Learnt learnt) {
        List<String> path = List.of();
        for (int node : learnt.own.constantNodes()) {
            if (expected.get(node) && metIn[node] != flowCount) {
                path = path.isEmpty() ? learnt.own.path(node) : path;
                expected.clear(node);
                learnt.expectedCount--;
            }
        }
        raise(
                flow,
                "%s leaves out what it always did while learning"
                        .formatted(learnt.own.context().title()),
                path,
                new Evidence("calls of " + path.getFirst(), path.getLast(), "it was over without"));
    }

    private void raise(Flow flow, String title, List<String> path, Evidence evidence) {
        sink.alert(new Alert(
                Severity.LOW,
                Detector.PATH,
                title,
                path.getLast(),
                Optional.of(Context.of(flow)),
                Optional.of(flow.task()),
                path,
                List.of(evidence)));
    }
}
