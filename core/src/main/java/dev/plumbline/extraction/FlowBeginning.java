package dev.plumbline.extraction;

/// Tells from a flow's first call whether that is what the flow begins with.
final class FlowBeginning {
    private FlowBeginning() {}

    /// Whether it is not, however much was lost: its caller can be seen and was not, or it was jumped to by what the
    /// call instruction names, which can be seen and was not.
    ///
    /// @param base how many calls of outer flows are open
    /// @param origin where the first call came from, as in [Origin]
    /// @param function the function called
    static boolean isMissed(TracedCode code, FlowKind kind, CallStack stack, int base, long origin, int function) {
        if (kind == FlowKind.SYSTEM_CALL) {
            return false;
        }
        int caller = Origin.caller(origin);
        int callee = Origin.callee(origin);
        boolean isCallerMissed = code.isSeen(caller)
                && switch (kind) {
                    case OTHER -> true;
                    case NEW_TASK -> !stack.isOpen(caller, stack.count());
                    case KERNEL_THREAD -> base != 0 && !stack.isOpen(caller, base);
                    case SYSTEM_CALL, INTERRUPT, EXCEPTION -> false;
                };
        return isCallerMissed || callee != function && code.isSeen(callee);
    }

    /// Whether it is, though events were lost before: a new task's is no call through a pointer, and what the main
    /// function of a kernel thread calls stands right above that.
    static boolean isCertain(FlowKind kind, CallStack stack, int base, long origin) {
        return switch (kind) {
            case SYSTEM_CALL -> true;
            case NEW_TASK -> !Origin.isIndirect(origin);
            case KERNEL_THREAD -> stack.isOpen(Origin.caller(origin), base);
            case OTHER, INTERRUPT, EXCEPTION -> false;
        };
    }
}
