package dev.plumbline.learning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// What is normal in one context. Immutable and safe for threads.
public final class ContextModel {
    /// Above the outermost functions.
    public static final int ROOT = -2;

    /// A function that was not seen where it was looked for.
    public static final int NO_NODE = ItemTable.NONE;

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

    /// The node of the calling context tree that stands for a function below another node, a number of this model's;
    /// [#NO_NODE] if the function was never seen to run there.
    ///
    /// @param parent the caller's node; [#ROOT] for outermost functions
    public int node(int parent, String function) {
        int name = tables.names.find(function);
        int above = parent == ROOT ? context : ModelTables.FIRST_NODE + parent;
        return name == NameTable.NONE ? NO_NODE : tables.items(Method.PATH).find(ModelTables.pathKey(above, name));
    }

    /// How far a chain of calls is known: the number of its functions, from the outermost on, that were
    /// seen to run one below the other in this context.
    public int knownDepth(List<String> path) {
        int node = ROOT;
        for (int depth = 0; depth < path.size(); depth++) {
            node = node(node, path.get(depth));
            if (node == NO_NODE) {
                return depth;
            }
        }
        return path.size();
    }

    /// The nodes that every flow has shown, callers before what they call.
    public int[] constantNodes() {
        ItemTable items = tables.items(Method.PATH);
        return Arrays.stream(paths)
                .filter(item -> items.flows[item] == flowCount())
                .toArray();
    }

    /// The functions from the outermost to a node's own.
    public List<String> path(int node) {
        ItemTable items = tables.items(Method.PATH);
        List<String> path = new ArrayList<>();
        for (int item = node; item >= 0; item = ModelTables.parentOf(items.keys[item]) - ModelTables.FIRST_NODE) {
            path.addFirst(tables.names.name(ModelTables.functionOf(items.keys[item])));
        }
        return path;
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
