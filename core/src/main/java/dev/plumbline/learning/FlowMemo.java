package dev.plumbline.learning;

import java.util.Arrays;

/// Remembers shapes of flows, since most flows are like one before: what is like one that has been learnt
/// twice adds nothing but counts, which can wait. Found by hash, told by their words. For one thread.
final class FlowMemo {
    static final int NONE = -1;

    private static final int SLOTS_LOG2 = 18;
    private static final int MOST_SHAPES = 1 << SLOTS_LOG2 - 1;
    private static final int MOST_WORDS = 1 << 22;
    /// Longer flows seldom repeat.
    private static final int LONGEST = 1 << 14;

    private final int[] slots = new int[1 << SLOTS_LOG2];
    private final long[] hashes = new long[MOST_SHAPES];
    private final int[] ends = new int[MOST_SHAPES + 1];
    /// By shape: how many flows were like it since it was last learnt from.
    final long[] waiting = new long[MOST_SHAPES];
    /// By shape: whether it was learnt twice.
    final boolean[] isRepeated = new boolean[MOST_SHAPES];
    long[] words = new long[1 << 16];
    private int count;

    /// The shape that was remembered, or [#NONE].
    int find(FlowShape shape) {
        int slot = slot(shape.hash);
        while (slots[slot] != 0) {
            int number = slots[slot] - 1;
            if (hashes[number] == shape.hash && shape.isAt(words, ends[number], ends[number + 1])) {
                return number;
            }
            slot = slot + 1 & slots.length - 1;
        }
        return NONE;
    }

    private static int slot(long hash) {
        return (int) (hash >>> Long.SIZE - SLOTS_LOG2);
    }

    /// Whether it can be remembered at all.
    boolean takes(FlowShape shape) {
        return shape.length <= LONGEST;
    }

    /// Whether there is room for one more.
    boolean hasRoomFor(FlowShape shape) {
        return count < MOST_SHAPES && ends[count] + shape.length <= MOST_WORDS;
    }

    /// Remembers a shape that is not there.
    void add(FlowShape shape) {
        int start = ends[count];
        int end = start + shape.length;
        if (end > words.length) {
            words = Arrays.copyOf(words, Math.max(end, Math.min(MOST_WORDS, words.length * 2)));
        }
        System.arraycopy(shape.words, 0, words, start, shape.length);
        hashes[count] = shape.hash;
        waiting[count] = 0;
        isRepeated[count] = false;
        ends[count + 1] = end;
        int slot = slot(shape.hash);
        while (slots[slot] != 0) {
            slot = slot + 1 & slots.length - 1;
        }
        slots[slot] = ++count;
    }

    int count() {
        return count;
    }

    /// Where the words of a shape begin.
    int start(int shape) {
        return ends[shape];
    }

    /// Where they end, exclusive.
    int end(int shape) {
        return ends[shape + 1];
    }

    void clear() {
        Arrays.fill(slots, 0);
        count = 0;
    }
}
