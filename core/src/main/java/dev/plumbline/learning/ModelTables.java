package dev.plumbline.learning;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/// A model while it grows: contexts, names and items, numbered, and the counts that [Unseen] needs.
///
/// A key is 64 bits: of a function, context and name; of an edge, context, place and function; of a
/// path, its parent and the function. The parent of a context's outermost functions is the context's
/// number; that of others is the number of the item above, counted from [#FIRST_NODE]. For one thread.
final class ModelTables {
    /// Parents below this are contexts.
    static final int FIRST_NODE = ModelLimits.MOST_CONTEXTS;
    private static final int NAME_BITS = 21;
    private static final long NAME_MASK = (1L << NAME_BITS) - 1;

    final String buildId;
    final String banner;
    final ModelLimits limits;
    final NameTable names;
    final List<Context> contexts = new ArrayList<>();
    private final Map<Context, Integer> contextNumbers = new HashMap<>();
    private final Map<Method, ItemTable> items = new EnumMap<>(Method.class);
    /// Modules that were loaded, be it that they ran or not; at most [ModelLimits#MOST_MODULES].
    final SortedSet<String> modules = new TreeSet<>();
    final Novelty novelty;
    /// By context: flows learnt.
    final long[] flows = new long[ModelLimits.MOST_CONTEXTS];
    /// By context and method: flows that showed something which there was no room for.
    final long[] crowded = new long[ModelLimits.MOST_CONTEXTS * Method.COUNT];
    /// Calls in all flows learnt.
    long calls;
    Losses losses = Losses.NONE;

    ModelTables(String buildId, String banner, ModelLimits limits) {
        this.buildId = buildId;
        this.banner = banner;
        this.limits = limits;
        this.names = new NameTable(limits.names());
        this.novelty = new Novelty();
        for (Method method : Method.values()) {
            items.put(method, new ItemTable(limits.of(method)));
        }
    }

    private ModelTables(ModelTables other) {
        buildId = other.buildId;
        banner = other.banner;
        limits = other.limits;
        names = other.names.copy();
        novelty = other.novelty.copy();
        contexts.addAll(other.contexts);
        modules.addAll(other.modules);
        contextNumbers.putAll(other.contextNumbers);
        other.items.forEach((method, table) -> items.put(method, table.copy()));
        System.arraycopy(other.flows, 0, flows, 0, flows.length);
        System.arraycopy(other.crowded, 0, crowded, 0, crowded.length);
        calls = other.calls;
        losses = other.losses;
    }

    /// The same as it is now; not to be added to.
    ModelTables copy() {
        return new ModelTables(this);
    }

    ItemTable items(Method method) {
        return items.get(method);
    }

    /// The number of a context, or [ItemTable#NONE].
    int find(Context context) {
        return contextNumbers.getOrDefault(context, ItemTable.NONE);
    }

    /// The same; a new one, if there is room, where there was none.
    int findOrAdd(Context context) {
        Integer known = contextNumbers.get(context);
        if (known != null) {
            return known;
        }
        if (contexts.size() == limits.contexts()) {
            return ItemTable.NONE;
        }
        contextNumbers.put(context, contexts.size());
        contexts.add(context);
        return contexts.size() - 1;
    }

    /// A module is loaded. One that there is no room for counts as one that was not there.
    void addModule(String name) {
        if (modules.size() < ModelLimits.MOST_MODULES) {
            modules.add(name);
        }
    }

    static long functionKey(int context, int name) {
        return context + 1L << NAME_BITS | name;
    }

    static long edgeKey(int context, int site, int function) {
        return (context + 1L << NAME_BITS | site) << NAME_BITS | function;
    }

    static long pathKey(int parent, int function) {
        return parent + 1L << NAME_BITS | function;
    }

    /// The name of the function in a key of any kind.
    static int functionOf(long key) {
        return (int) (key & NAME_MASK);
    }

    static int siteOf(long edgeKey) {
        return (int) (edgeKey >>> NAME_BITS & NAME_MASK);
    }

    static int parentOf(long pathKey) {
        return (int) (pathKey >>> NAME_BITS) - 1;
    }

    /// How likely the next flow of a context shows something new.
    Unseen unseen(int context) {
        long seen = flows[context];
        return byMethod(method -> (newsworthy(context, method) + 1.0) / (seen + 1.0));
    }

    /// How likely the next flow of any of some contexts does: the mean of theirs, weighted by their
    /// flows.
    Unseen unseen(Predicate<ContextKind> which) {
        double all = flowCount(which);
        return all == 0
                ? Unseen.EVERYTHING
                : byMethod(method -> {
                    double sum = 0;
                    for (int context = 0; context < contexts.size(); context++) {
                        if (which.test(contexts.get(context).kind())) {
                            double seen = flows[context];
                            sum += seen / all * (newsworthy(context, method) + 1.0) / (seen + 1.0);
                        }
                    }
                    return sum;
                });
    }

    private static Unseen byMethod(ToDoubleFunction<Method> estimate) {
        return new Unseen(
                estimate.applyAsDouble(Method.SET),
                estimate.applyAsDouble(Method.EDGE),
                estimate.applyAsDouble(Method.PATH));
    }

    // A flow may count twice, as one that showed something new and one that there was no room for.
    private long newsworthy(int context, Method method) {
        long crowdedFlows = crowded[context * Method.COUNT + method.ordinal()];
        return Math.min(flows[context], novelty.newsworthy(context, method) + crowdedFlows);
    }

    /// How many flows of some contexts were learnt.
    long flowCount(Predicate<ContextKind> which) {
        long sum = 0;
        for (int context = 0; context < contexts.size(); context++) {
            sum += which.test(contexts.get(context).kind()) ? flows[context] : 0;
        }
        return sum;
    }

    /// Flows of one shape have shown an item.
    ///
    /// @param shownBy the flow, as [Novelty] numbers it, should it be the only one
    /// @param weight how many flows
    void show(Method method, int item, int shownBy, long weight) {
        ItemTable table = items.get(method);
        long before = table.flows[item];
        table.flows[item] = before + weight;
        if (before == 0 && weight == 1) {
            table.shownBy[item] = shownBy;
            novelty.shownFirst(shownBy, method);
        } else if (before == 1) {
            novelty.shownAgain(table.shownBy[item], method);
        }
    }
}
