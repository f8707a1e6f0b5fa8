package dev.plumbline.learning;

import java.util.Arrays;

/// Adds the counts of one model to those of another, by names.
final class ModelSum {
    private final ModelTables sum;
    private final ModelTables other;
    private final Translation there;
    private int[] flows = new int[64];
    private long crowdedCalls;

    private ModelSum(ModelTables sum, ModelTables other) {
        this.sum = sum;
        this.other = other;
        this.there = new Translation(other).findOrAdd(sum);
        Arrays.fill(flows, ItemTable.NONE);
    }

    /// Tables with all that a model holds, to be added to.
    static ModelTables of(Model model) {
        ModelTables of = model.tables();
        ModelTables copy = new ModelTables(of.buildId, of.banner, of.limits);
        add(copy, of);
        return copy;
    }

    static void add(ModelTables sum, ModelTables other) {
        new ModelSum(sum, other).run();
    }

    private void run() {
        for (int context = 0; context < there.contexts.length; context++) {
            addContext(context, there.contexts[context]);
        }
        for (Method method : Method.values()) {
            addItems(method);
        }
        other.modules.forEach(sum::addModule);
        sum.calls += other.calls;
        sum.losses = sum.losses.plus(other.losses).plus(new Losses(0, 0, 0, crowdedCalls));
    }

    private void addContext(int from, int to) {
        if (to == ItemTable.NONE) {
            sum.losses = sum.losses.plus(new Losses(0, other.flows[from], 0, 0));
            return;
        }
        sum.flows[to] += other.flows[from];
        for (int method = 0; method < Method.COUNT; method++) {
            sum.crowded[to * Method.COUNT + method] += other.crowded[from * Method.COUNT + method];
        }
    }

    private void addItems(Method method) {
        ItemTable from = other.items(method);
        for (int item = 0; item < from.count(); item++) {
            int context = there.contexts[from.contexts[item]];
            long key = there.key(method, item);
            int added = key == 0 ? ItemTable.NONE : sum.items(method).findOrAdd(key, context);
            if (method == Method.PATH) {
                there.nodes[item] = added;
            }
            if (added != ItemTable.NONE) {
                addItem(method, item, added, context);
            } else if (context != ItemTable.NONE) {
                crowdedCalls += from.calls[item];
                sum.crowded[context * Method.COUNT + method.ordinal()] += from.flows[item];
            }
        }
    }

    private void addItem(Method method, int item, int added, int context) {
        ItemTable from = other.items(method);
        ItemTable to = sum.items(method);
        to.calls[added] += from.calls[item];
        to.ways[added] = (byte) (to.ways[added] | from.ways[item]);
        boolean isFirst = from.flows[item] == 1 && to.flows[added] == 0;
        int shownBy = isFirst ? flow(from.shownBy[item], context) : ItemTable.NONE;
        sum.show(method, added, shownBy, from.flows[item]);
    }

    private int flow(int number, int context) {
        if (number >= flows.length) {
            int known = flows.length;
            flows = Arrays.copyOf(flows, Math.max(number + 1, known * 2));
            Arrays.fill(flows, known, flows.length, ItemTable.NONE);
        }
        if (flows[number] == ItemTable.NONE) {
            flows[number] = sum.novelty.flow(context);
        }
        return flows[number];
    }
}
