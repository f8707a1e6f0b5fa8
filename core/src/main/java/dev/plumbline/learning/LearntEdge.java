package dev.plumbline.learning;

/// A call that was seen: from one place to one function. A function jumped to at the end of another
/// returns to where that was called from, so that place has called it as well; [#isJumpedTo] says so.
///
/// @param site where the call returns to, as [dev.plumbline.extraction.FlowNames#place] names it
/// @param function the function entered
/// @param isDirect whether the call instruction was seen to name it
/// @param isIndirect whether the place was seen to call it through a pointer: it is among the place's
///   targets
/// @param isJumpedTo whether it was seen to be jumped to by what the place had called
/// @param calls how often
/// @param flows in how many flows
public record LearntEdge(
        String site,
        String function,
        boolean isDirect,
        boolean isIndirect,
        boolean isJumpedTo,
        long calls,
        long flows) {
    static final int DIRECT = 1;
    static final int INDIRECT = 2;
    static final int JUMPED = 4;

    static LearntEdge of(String site, String function, int ways, long calls, long flows) {
        return new LearntEdge(
                site, function, (ways & DIRECT) != 0, (ways & INDIRECT) != 0, (ways & JUMPED) != 0, calls, flows);
    }

    /// The bit of a way, by the flags of [FlowShape].
    static int way(int flags) {
        if ((flags & FlowShape.TAIL) != 0) {
            return JUMPED;
        }
        return (flags & FlowShape.INDIRECT) != 0 ? INDIRECT : DIRECT;
    }
}
