package dev.plumbline.learning;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// What is normal in one context. Immutable and safe for threads.
public final class ContextModel {
    private final ModelTables tables;
    private final int context;
    private final int[] functions;
    private final int[] edges;
    private final int[] paths;

    /// @param functions numbers of the context's items, ascending, and so on
    ContextModel(ModelTables tables, int context, int[] functions, int[] edges, int[] paths) {
        this.tables = tables;
        this.context = context;
        this.functions = functions;
        this.edges = edges;
        this.paths = paths;
    }

    /// The context.
    public Context context() {
        return tables.contexts.get(context);
    }

    /// How many flows were learnt from.
    public long flowCount() {
        return tables.flows[context];
    }

    /// How many items of a method are known: functions, edges or nodes of the calling context tree.
    public int count(Method method) {
        return switch (method) {
            case SET -> functions.length;
            case EDGE -> edges.length;
            case PATH -> paths.length;
        };
    }

    /// How likely the next flow shows something new.
    public Unseen unseen() {
        return tables.unseen(context);
    }

    /// Whether a function was seen to run.
    public boolean knowsFunction(String function) {
        int name = tables.names.find(function);
        return name != NameTable.NONE
                && tables.items(Method.SET).find(ModelTables.functionKey(context, name)) != ItemTable.NONE;
    }

    /// Whether a place was seen to call a function.
    ///
    /// @param site where the call returns to, as [dev.plumbline.extraction.FlowNames#place] names it
    public boolean knowsEdge(String site, String function) {
        int name = tables.names.find(function);
        int place = tables.names.find(site);
        return name != NameTable.NONE
                && place != NameTable.NONE
                && tables.items(Method.EDGE).find(ModelTables.edgeKey(context, place, name)) != ItemTable.NONE;
    }

    /// How far a chain of calls is known: the number of its functions, from the outermost on, that were
    /// seen to run one below the other in this context.
    public int knownDepth(List<String> path) {
        int parent = context;
        for (int depth = 0; depth < path.size(); depth++) {
            int name = tables.names.find(path.get(depth));
            int node = name == NameTable.NONE
                    ? ItemTable.NONE
                    : tables.items(Method.PATH).find(ModelTables.pathKey(parent, name));
            if (node == ItemTable.NONE) {
                return depth;
            }
            parent = ModelTables.FIRST_NODE + node;
        }
        return path.size();
    }

    /// The functions that a place was seen to call through a pointer, in order of their names; empty if
    /// it never did.
    public Set<String> targets(String site) {
        Set<String> targets = new TreeSet<>();
        for (LearntEdge edge : edges()) {
            if (edge.isIndirect() && edge.site().equals(site)) {
                targets.add(edge.function());
            }
        }
        return targets;
    }

    /// All functions, in the order they were first seen.
    public List<LearntFunction> functions() {
        ItemTable items = tables.items(Method.SET);
        List<LearntFunction> all = new ArrayList<>(functions.length);
        for (int item : functions) {
            String name = tables.names.name(ModelTables.functionOf(items.keys[item]));
            all.add(new LearntFunction(name, items.calls[item], items.flows[item]));
        }
        return all;
    }

    /// All edges, in the order they were first seen.
    public List<LearntEdge> edges() {
        ItemTable items = tables.items(Method.EDGE);
        List<LearntEdge> all = new ArrayList<>(edges.length);
        for (int item : edges) {
            String site = tables.names.name(ModelTables.siteOf(items.keys[item]));
            String function = tables.names.name(ModelTables.functionOf(items.keys[item]));
            all.add(LearntEdge.of(site, function, items.ways[item], items.calls[item], items.flows[item]));
        }
        return all;
    }

    /// The calling context tree: callers stand before what they call.
    public List<LearntPath> paths() {
        ItemTable items = tables.items(Method.PATH);
        int[] places = new int[items.count()];
        List<LearntPath> all = new ArrayList<>(paths.length);
        for (int item : paths) {
            int parent = ModelTables.parentOf(items.keys[item]);
            String name = tables.names.name(ModelTables.functionOf(items.keys[item]));
            places[item] = all.size();
            int place = parent < ModelTables.FIRST_NODE ? -1 : places[parent - ModelTables.FIRST_NODE];
            all.add(new LearntPath(place, name, items.calls[item], items.flows[item]));
        }
        return all;
    }
}
