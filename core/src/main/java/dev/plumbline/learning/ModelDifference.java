package dev.plumbline.learning;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What one model knows and another does not, in one context.
///
/// @param context the context
/// @param functions the functions, in the order they were first seen
/// @param edges the edges
/// @param pathCount how many nodes of the calling context tree
public record ModelDifference(Context context, List<String> functions, List<LearntEdge> edges, int pathCount) {

    /// What the first knows and the second does not, context by context; contexts where that is nothing
    /// are left out. The models may be of different builds, whose places then differ in their offsets.
    public static List<ModelDifference> between(Model first, Model second) {
        return new Comparison(first.tables(), second.tables()).run();
    }

    private static final class Comparison {
        private final ModelTables first;
        private final ModelTables second;
        private final Translation there;
        private final Map<Context, ModelDifference> differences = new TreeMap<>();

        Comparison(ModelTables first, ModelTables second) {
            this.first = first;
            this.second = second;
            this.there = new Translation(first).find(second);
        }

        List<ModelDifference> run() {
            for (Method method : Method.values()) {
                ItemTable items = first.items(method);
                for (int item = 0; item < items.count(); item++) {
                    long key = there.key(method, item);
                    int found = key == 0 ? ItemTable.NONE : second.items(method).find(key);
                    if (method == Method.PATH) {
                        there.nodes[item] = found;
                    }
                    if (found == ItemTable.NONE) {
                        add(method, items, item);
                    }
                }
            }
            return List.copyOf(differences.values());
        }

        private void add(Method method, ItemTable items, int item) {
            Context context = first.contexts.get(items.contexts[item]);
            ModelDifference known = differences.computeIfAbsent(
                    context, _ -> new ModelDifference(context, new ArrayList<>(), new ArrayList<>(), 0));
            String function = first.names.name(ModelTables.functionOf(items.keys[item]));
            switch (method) {
                case SET -> known.functions.add(function);
                case EDGE -> {
                    String site = first.names.name(ModelTables.siteOf(items.keys[item]));
                    known.edges.add(
                            LearntEdge.of(site, function, items.ways[item], items.calls[item], items.flows[item]));
                }
                case PATH ->
                    differences.put(
                            context, new ModelDifference(context, known.functions, known.edges, known.pathCount + 1));
            }
        }
    }
}
