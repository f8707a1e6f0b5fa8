package dev.plumbline.learning;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.LongTable;
import java.util.Arrays;

/// Takes shapes of flows apart into items and counts these. Which item a call belongs to is remembered by
/// the numbers of one call graph; names are made when something is seen for the first time in it. For one
/// thread.
final class ShapeReader {
    private static final int MOST_REMEMBERED = 1 << 20;
    private static final int MOST_DEPTH = 1024;
    private static final int FUNCTION_BITS = 20;
    // What is remembered is never 0.
    private static final long REMEMBERED = 1L << 63;

    // Instead of an item: there is no room for it, or it is of unknown code.
    private static final int CROWDED = 1;
    private static final int OUTSIDE = 0;
    private static final int FIRST = 2;

    private final ModelTables tables;
    private final ItemTable functions;
    private final ItemTable edges;
    private final ItemTable paths;
    private final FlowNames names = new FlowNames();
    // From context, return address and function to the items of edge and function; from parent and function to a path.
    private LongTable calls = new LongTable(MOST_REMEMBERED);
    private LongTable nodes = new LongTable(MOST_REMEMBERED);
    private final int[] open = new int[MOST_DEPTH + 1];
    private final boolean[] isCrowded = new boolean[Method.COUNT];
    private CallGraph graph;
    private long unknownCalls;
    private long crowdedCalls;

    // The shape at hand.
    private int context;
    private int stamp;
    private int shownBy;
    private long weight;

    ShapeReader(ModelTables tables) {
        this.tables = tables;
        functions = tables.items(Method.SET);
        edges = tables.items(Method.EDGE);
        paths = tables.items(Method.PATH);
    }

    /// From the next shape on functions are numbered by this graph.
    void use(CallGraph now) {
        graph = now;
        calls = new LongTable(MOST_REMEMBERED);
        nodes = new LongTable(MOST_REMEMBERED);
    }

    /// Learns from flows of one shape.
    ///
    /// @param flows how many there were, at least 1
    void learn(long[] words, int start, int end, long flows) {
        begin((int) words[start], flows);
        int top = 0;
        for (int at = start + 1; at < end; at++) {
            long word = words[at];
            // A call is at most one deeper than the one before it.
            int depth = Math.min(FlowShape.depth(word), top);
            top = depth + 1;
            open[top] = learn(word, open[depth]);
        }
        for (int method = 0; method < Method.COUNT; method++) {
            if (isCrowded[method]) {
                tables.crowded[context * Method.COUNT + method] += flows;
            }
        }
    }

    private void begin(int context, long flows) {
        this.context = context;
        weight = flows;
        shownBy = ItemTable.NONE;
        open[0] = context;
        Arrays.fill(isCrowded, false);
        if (++stamp == 0) {
            Arrays.fill(functions.stamps, 0);
            Arrays.fill(edges.stamps, 0);
            Arrays.fill(paths.stamps, 0);
            stamp = 1;
        }
    }

    // The parent is a context or a node, as in a key, or NONE; so is what is returned.
    private int learn(long word, int parent) {
        int function = FlowShape.function(word);
        long key = REMEMBERED | (long) context << 32 + FUNCTION_BITS | (word >>> 32) << FUNCTION_BITS | function;
        long items = calls.find(key);
        if (items == 0) {
            items = REMEMBERED | look(function, FlowShape.returnAddress(word));
            calls.add(key, items);
        }
        int edge = (int) (items & 0x7fff_ffff);
        if (edge == OUTSIDE) {
            unknownCalls += weight;
            return ItemTable.NONE;
        }
        boolean isKept = count(functions, (int) (items >>> 32) & 0x7fff_ffff, Method.SET);
        isKept &= count(edges, edge, Method.EDGE);
        if (edge >= FIRST) {
            int item = edge - FIRST;
            edges.ways[item] = (byte) (edges.ways[item] | LearntEdge.way(FlowShape.flags(word)));
        }
        int path = parent == ItemTable.NONE ? OUTSIDE : node(parent, function);
        isKept &= path == OUTSIDE || count(paths, path, Method.PATH);
        crowdedCalls += isKept ? 0 : weight;
        return path < FIRST ? ItemTable.NONE : ModelTables.FIRST_NODE + path - FIRST;
    }

    private long look(int function, long returnAddress) {
        if (function == FlowShape.UNKNOWN || graph.functionAt(returnAddress) == CallGraph.NONE) {
            return OUTSIDE;
        }
        int name = tables.names.findOrAdd(names.function(graph, function, 0));
        int site = tables.names.findOrAdd(names.place(graph, returnAddress));
        int known = name == NameTable.NONE
                ? ItemTable.NONE
                : functions.findOrAdd(ModelTables.functionKey(context, name), context);
        int edge = name == NameTable.NONE || site == NameTable.NONE
                ? ItemTable.NONE
                : edges.findOrAdd(ModelTables.edgeKey(context, site, name), context);
        return (long) mark(known) << 32 | mark(edge);
    }

    private int node(int parent, int function) {
        long key = REMEMBERED | (long) parent << FUNCTION_BITS | function;
        long found = nodes.find(key);
        if (found == 0) {
            int name = tables.names.findOrAdd(names.function(graph, function, 0));
            int path = name == NameTable.NONE
                    ? ItemTable.NONE
                    : paths.findOrAdd(ModelTables.pathKey(parent, name), context);
            found = mark(path);
            nodes.add(key, found);
        }
        return (int) found;
    }

    private static int mark(int item) {
        return item == ItemTable.NONE ? CROWDED : item + FIRST;
    }

    private boolean count(ItemTable table, int mark, Method method) {
        if (mark == CROWDED) {
            isCrowded[method.ordinal()] = true;
            return false;
        }
        int item = mark - FIRST;
        table.calls[item] += weight;
        if (table.stamps[item] != stamp) {
            table.stamps[item] = stamp;
            if (table.flows[item] == 0 && shownBy == ItemTable.NONE) {
                shownBy = tables.novelty.flow(context);
            }
            tables.show(method, item, shownBy, weight);
        }
        return true;
    }

    /// How many calls had to do with unknown code.
    long unknownCallCount() {
        return unknownCalls;
    }

    /// How many calls there was not all room for.
    long crowdedCallCount() {
        return crowdedCalls;
    }
}
