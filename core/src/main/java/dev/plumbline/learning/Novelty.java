package dev.plumbline.learning;

import java.util.Arrays;

/// Counts, for [Unseen], the flows that showed something which no other flow has shown. Flows that did
/// are numbered from 0; a number is used again when its flow has nothing of its own any more. For one
/// thread.
final class Novelty {
    private static final int FIRST_FLOWS = 64;

    // By flow: its context, and how many items of each method it alone has shown.
    private int[] contexts = new int[FIRST_FLOWS];
    private int[] alone = new int[FIRST_FLOWS * Method.COUNT];
    private int[] free = new int[FIRST_FLOWS];
    private int freeCount;
    private int count;
    private final long[] newsworthy = new long[ModelLimits.MOST_CONTEXTS * Method.COUNT];

    Novelty() {}

    private Novelty(Novelty other) {
        contexts = Arrays.copyOf(other.contexts, Math.max(1, other.count));
        alone = Arrays.copyOf(other.alone, Math.max(1, other.count) * Method.COUNT);
        free = Arrays.copyOf(other.free, Math.max(1, other.freeCount));
        freeCount = other.freeCount;
        count = other.count;
        System.arraycopy(other.newsworthy, 0, newsworthy, 0, newsworthy.length);
    }

    Novelty copy() {
        return new Novelty(this);
    }

    /// A number for a flow that is about to show something new.
    int flow(int context) {
        int flow = freeCount > 0 ? free[--freeCount] : next();
        contexts[flow] = context;
        return flow;
    }

    private int next() {
        if (count == contexts.length) {
            contexts = Arrays.copyOf(contexts, count * 2);
            alone = Arrays.copyOf(alone, count * 2 * Method.COUNT);
        }
        return count++;
    }

    /// An item was shown by this flow and no other.
    void shownFirst(int flow, Method method) {
        if (alone[flow * Method.COUNT + method.ordinal()]++ == 0) {
            newsworthy[contexts[flow] * Method.COUNT + method.ordinal()]++;
        }
    }

    /// An item that this flow alone had shown was shown by another.
    void shownAgain(int flow, Method method) {
        if (--alone[flow * Method.COUNT + method.ordinal()] == 0) {
            newsworthy[contexts[flow] * Method.COUNT + method.ordinal()]--;
            release(flow);
        }
    }

    private void release(int flow) {
        for (int method = 0; method < Method.COUNT; method++) {
            if (alone[flow * Method.COUNT + method] != 0) {
                return;
            }
        }
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, freeCount * 2);
        }
        free[freeCount++] = flow;
    }

    /// How many flows of a context have shown an item of this method that no other has.
    long newsworthy(int context, Method method) {
        return newsworthy[context * Method.COUNT + method.ordinal()];
    }
}
