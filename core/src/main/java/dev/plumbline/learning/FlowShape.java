package dev.plumbline.learning;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.Flow;
import java.util.Arrays;
import java.util.SplittableRandom;

/// What of a flow is learnt from, one word for each call, so that flows can be told to be the same by
/// comparing words: the context's number, then the calls.
///
/// A call's word has the low half of the return address in bits 32 to 63 (that of all kernel code is in
/// the uppermost 4 GiB), the function's number in bits 12 to 31, the depth in bits 2 to 11, and whether
/// it was reached by a jump and through a pointer in bits 1 and 0. For one thread.
final class FlowShape {
    /// Stands for a function that is not known, or was called from where no kernel code can be.
    static final int UNKNOWN = (1 << 20) - 1;

    static final int INDIRECT = 1;
    static final int TAIL = 2;

    private static final int DEPTH_SHIFT = 2;
    private static final int FUNCTION_SHIFT = 12;
    private static final int RETURN_SHIFT = 32;
    private static final long DEPTH_MASK = 1023;
    private static final long KERNEL_HALF = 0xffff_ffffL;

    private final long multiplier = new SplittableRandom().nextLong() | 1;
    long[] words = new long[1 << 10];
    int length;
    long hash;

    /// Becomes the shape of a flow.
    void of(Flow flow, int context) {
        int count = flow.callCount();
        if (count >= words.length) {
            words = new long[Math.max(count + 1, words.length * 2)];
        }
        words[0] = context;
        long mixed = multiplier * (context + 1);
        for (int call = 0; call < count; call++) {
            long word = word(flow, call);
            words[call + 1] = word;
            mixed = (Long.rotateLeft(mixed, 29) ^ word) * multiplier;
        }
        length = count + 1;
        hash = mixed;
    }

    private static long word(Flow flow, int call) {
        long returnAddress = flow.returnAddress(call);
        int function = flow.function(call);
        boolean isKnown =
                function != CallGraph.NONE && function < UNKNOWN && returnAddress >>> RETURN_SHIFT == KERNEL_HALF;
        int flags = (flow.isIndirect(call) ? INDIRECT : 0) | (flow.isTailCall(call) ? TAIL : 0);
        return returnAddress << RETURN_SHIFT
                | (isKnown ? (long) function : UNKNOWN) << FUNCTION_SHIFT
                | Math.min(flow.depth(call), DEPTH_MASK) << DEPTH_SHIFT
                | flags;
    }

    static int function(long word) {
        return (int) (word >>> FUNCTION_SHIFT) & UNKNOWN;
    }

    static int depth(long word) {
        return (int) (word >>> DEPTH_SHIFT & DEPTH_MASK);
    }

    static long returnAddress(long word) {
        return word >>> RETURN_SHIFT | KERNEL_HALF << RETURN_SHIFT;
    }

    static int flags(long word) {
        return (int) word & (INDIRECT | TAIL);
    }

    /// Whether these words are the same.
    boolean isAt(long[] others, int start, int end) {
        return end - start == length && Arrays.equals(words, 0, length, others, start, end);
    }
}
