package dev.plumbline.learning;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelIdentity;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/// Learns from flows by all three methods.
///
/// Learnt from are flows that are whole, ended or not: system calls that sleep all the time never end
/// while somebody looks, and what they have shown is true. Others are counted in [Losses].
///
/// A flow that is like one before, call by call, costs one comparison of its calls; what it adds to the
/// counts is added when it is asked for. For one thread.
public final class Learner implements FlowSink {
    private static final int MOST_COMMS = 4096;

    private final ModelTables tables;
    private final FlowShape shape = new FlowShape();
    private final FlowMemo memo = new FlowMemo();
    private final ShapeReader reader;
    private final Map<Object, Integer> systemCallContexts = new HashMap<>();
    private final Map<String, Integer> threadContexts = new HashMap<>();
    private final int[] plainContexts = new int[ContextKind.values().length];
    private CallGraph graph;
    private long flowsLeftOut;

    /// Learns from nothing.
    ///
    /// @param kernel the kernel that the flows are of
    public Learner(KernelIdentity kernel) {
        this(kernel, ModelLimits.DEFAULT);
    }

    /// @param limits what the model may hold
    public Learner(KernelIdentity kernel, ModelLimits limits) {
        this(new ModelTables(kernel.buildId(), kernel.banner(), limits));
    }

    /// Goes on from a model of the same kernel.
    public Learner(Model known) {
        this(ModelSum.of(known));
    }

    private Learner(ModelTables tables) {
        this.tables = tables;
        this.reader = new ShapeReader(tables);
    }

    @Override
    public void flow(Flow flow) {
        if (flow.callCount() == 0) {
            return;
        }
        int context = flow.isWhole() ? context(flow) : ItemTable.NONE;
        if (context == ItemTable.NONE) {
            flowsLeftOut++;
            return;
        }
        use(flow.graph());
        shape.of(flow, context);
        tables.flows[context]++;
        tables.calls += flow.callCount();
        if (!memo.takes(shape)) {
            reader.learn(shape.words, 0, shape.length, 1);
            return;
        }
        int known = memo.find(shape);
        if (known != FlowMemo.NONE && memo.isRepeated[known]) {
            memo.waiting[known]++;
            return;
        }
        reader.learn(shape.words, 0, shape.length, 1);
        if (known == FlowMemo.NONE) {
            remember();
        } else {
            // The second like it: nothing in them is news any more.
            memo.isRepeated[known] = true;
        }
    }

    private void remember() {
        if (!memo.hasRoomFor(shape)) {
            settle();
            memo.clear();
        }
        memo.add(shape);
    }

    private void use(CallGraph now) {
        if (now != graph) {
            settle();
            memo.clear();
            graph = now;
            reader.use(now);
            now.regions().stream()
                    .map(CodeRegion::owner)
                    .filter(Objects::nonNull)
                    .map(FlowNames::plain)
                    .forEach(tables::addModule);
        }
    }

    // Adds what waits to the counts.
    private void settle() {
        for (int known = 0; known < memo.count(); known++) {
            if (memo.waiting[known] != 0) {
                reader.learn(memo.words, memo.start(known), memo.end(known), memo.waiting[known]);
                memo.waiting[known] = 0;
            }
        }
    }

    // Names are looked at once: the tables' numbers of contexts are kept by what flows have in hand.
    private int context(Flow flow) {
        return switch (flow.kind()) {
            case SYSTEM_CALL -> known(systemCallContexts, flow.systemCall(), flow);
            case KERNEL_THREAD -> known(threadContexts, flow.task().comm(), flow);
            case INTERRUPT, EXCEPTION, NEW_TASK, OTHER -> {
                int kind = flow.kind().ordinal();
                if (plainContexts[kind] == 0) {
                    plainContexts[kind] = tables.findOrAdd(Context.of(flow)) + 1;
                }
                yield plainContexts[kind] - 1;
            }
        };
    }

    private <K> int known(Map<? super K, Integer> numbers, K key, Flow flow) {
        Integer number = numbers.get(key);
        if (number == null) {
            if (numbers.size() == MOST_COMMS) {
                numbers.clear();
            }
            number = tables.findOrAdd(Context.of(flow));
            numbers.put(key, number);
        }
        return number;
    }

    /// How far learning has come.
    ///
    /// @param systemCalls flows of system calls learnt, those of the model it went on from among them
    /// @param flows flows of all kinds learnt
    /// @param functions functions known, summed over contexts
    /// @param edges edges known, summed over contexts
    /// @param paths nodes of calling context trees known, summed over contexts
    /// @param unseen of system calls
    /// @param unseenOfAll of all contexts
    public record Progress(
            long systemCalls, long flows, int functions, int edges, int paths, Unseen unseen, Unseen unseenOfAll) {}

    /// How far it has come; quick.
    public Progress progress() {
        return new Progress(
                tables.flowCount(ContextKind::isSystemCall),
                tables.flowCount(_ -> true),
                tables.items(Method.SET).count(),
                tables.items(Method.EDGE).count(),
                tables.items(Method.PATH).count(),
                tables.unseen(ContextKind::isSystemCall),
                tables.unseen(_ -> true));
    }

    /// What has been learnt so far, with all counts. Takes milliseconds.
    ///
    /// @param lostEvents how many call events were lost since this learner was made
    public Model model(long lostEvents) {
        settle();
        ModelTables copy = tables.copy();
        copy.losses = tables.losses.plus(
                new Losses(lostEvents, flowsLeftOut, reader.unknownCallCount(), reader.crowdedCallCount()));
        return new Model(copy);
    }
}
