package dev.plumbline.learning;

import java.util.Arrays;

/// What the numbers of one model are in another.
final class Translation {
    private final ModelTables from;
    /// By number of a context, name or path: its number there, or -1.
    final int[] contexts;

    final int[] names;
    final int[] nodes;

    Translation(ModelTables from) {
        this.from = from;
        this.contexts = new int[from.contexts.size()];
        this.names = new int[from.names.count()];
        this.nodes = new int[from.items(Method.PATH).count()];
        Arrays.fill(nodes, ItemTable.NONE);
    }

    /// Looks up contexts and names.
    Translation find(ModelTables to) {
        Arrays.setAll(contexts, context -> to.find(from.contexts.get(context)));
        Arrays.setAll(names, name -> to.names.find(from.names.name(name)));
        return this;
    }

    /// Looks up contexts and names, and adds those that are not there.
    Translation findOrAdd(ModelTables to) {
        Arrays.setAll(contexts, context -> to.findOrAdd(from.contexts.get(context)));
        Arrays.setAll(names, name -> to.names.findOrAdd(from.names.name(name)));
        return this;
    }

    /// The key there of an item, or 0 where a part of it is not there. Of a path the parent must have
    /// been set.
    long key(Method method, int item) {
        ItemTable items = from.items(method);
        int context = contexts[items.contexts[item]];
        long key = items.keys[item];
        int function = names[ModelTables.functionOf(key)];
        if (context == ItemTable.NONE || function == NameTable.NONE) {
            return 0;
        }
        return switch (method) {
            case SET -> ModelTables.functionKey(context, function);
            case EDGE -> {
                int site = names[ModelTables.siteOf(key)];
                yield site == NameTable.NONE ? 0 : ModelTables.edgeKey(context, site, function);
            }
            case PATH -> {
                int parent = ModelTables.parentOf(key);
                if (parent < ModelTables.FIRST_NODE) {
                    yield ModelTables.pathKey(context, function);
                }
                int node = nodes[parent - ModelTables.FIRST_NODE];
                yield node == ItemTable.NONE ? 0 : ModelTables.pathKey(ModelTables.FIRST_NODE + node, function);
            }
        };
    }
}
