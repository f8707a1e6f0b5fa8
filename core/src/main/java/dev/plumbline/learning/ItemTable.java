package dev.plumbline.learning;

import dev.plumbline.extraction.LongTable;
import java.util.Arrays;

/// The items of one method, numbered from 0 in the order they were first seen, each with its key and
/// counts. The columns are open to this package. For one thread.
final class ItemTable {
    /// Stands for an item that is not there, or that there is no room for.
    static final int NONE = -1;

    private static final int FIRST_ITEMS = 64;

    private final int most;
    // Made when it is first asked for: a copy that is only written to a file needs none.
    private volatile LongTable numbers;
    private int count;

    long[] keys = new long[FIRST_ITEMS];
    int[] contexts = new int[FIRST_ITEMS];
    /// How many calls showed the item.
    long[] calls = new long[FIRST_ITEMS];
    /// How many flows did.
    long[] flows = new long[FIRST_ITEMS];
    /// The flow that did, as [Novelty] numbers it, while it is the only one.
    int[] shownBy = new int[FIRST_ITEMS];
    /// How the item was reached: the bits of [LearntEdge].
    byte[] ways = new byte[FIRST_ITEMS];
    /// The flow that was last counted; not kept.
    int[] stamps = new int[FIRST_ITEMS];

    ItemTable(int most) {
        this.most = most;
    }

    /// The same as it is now. Its items are not to be changed.
    ItemTable copy() {
        ItemTable copy = new ItemTable(most);
        copy.count = count;
        copy.keys = Arrays.copyOf(keys, count);
        copy.contexts = Arrays.copyOf(contexts, count);
        copy.calls = Arrays.copyOf(calls, count);
        copy.flows = Arrays.copyOf(flows, count);
        copy.shownBy = Arrays.copyOf(shownBy, count);
        copy.ways = Arrays.copyOf(ways, count);
        copy.stamps = new int[0];
        return copy;
    }

    int count() {
        return count;
    }

    /// The item with this key, or [#NONE].
    int find(long key) {
        return (int) numbers().find(key) - 1;
    }

    /// The item with this key; a new one, which nothing has shown yet, if there was none.
    ///
    /// @param key not 0
    /// @return its number, or [#NONE] if there is no room
    int findOrAdd(long key, int context) {
        int known = find(key);
        if (known != NONE || count == most) {
            return known;
        }
        if (count == keys.length) {
            grow();
        }
        keys[count] = key;
        contexts[count] = context;
        calls[count] = 0;
        flows[count] = 0;
        shownBy[count] = 0;
        ways[count] = 0;
        stamps[count] = 0;
        numbers().add(key, count + 1L);
        return count++;
    }

    private void grow() {
        int capacity = (int) Math.min(most, keys.length * 2L);
        keys = Arrays.copyOf(keys, capacity);
        contexts = Arrays.copyOf(contexts, capacity);
        calls = Arrays.copyOf(calls, capacity);
        flows = Arrays.copyOf(flows, capacity);
        shownBy = Arrays.copyOf(shownBy, capacity);
        ways = Arrays.copyOf(ways, capacity);
        stamps = Arrays.copyOf(stamps, capacity);
    }

    private LongTable numbers() {
        LongTable known = numbers;
        if (known == null) {
            // More than fit, or the table would forget.
            LongTable made = new LongTable(Math.max(16, Integer.highestOneBit(most) * 2));
            for (int item = 0; item < count; item++) {
                made.add(keys[item], item + 1L);
            }
            numbers = made;
            return made;
        }
        return known;
    }
}
