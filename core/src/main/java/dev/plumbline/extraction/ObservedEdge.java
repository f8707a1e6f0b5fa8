package dev.plumbline.extraction;

/// A call that was seen for the first time, by names.
///
/// @param context name of the system call it was made in; where there is none, what was under way instead
/// @param inSystemCall whether the context is a system call
/// @param caller symbol and offset of the return address
/// @param function the function that was entered; for an unknown one the place, as [FlowNames] has it
/// @param isKnown whether it is a known function's entry
/// @param isIndirect whether it was reached through a pointer
/// @param reach whether the code as built can make this call
/// @param named the function that the call instruction names, if it names one and that is not the one entered; else
///   empty
/// @param entry address of the site, or of what was entered where that is no known function
/// @param returnAddress where the call returns to
/// @param task who made the call
/// @param cpu the CPU it was made on
public record ObservedEdge(
        String context,
        boolean inSystemCall,
        String caller,
        String function,
        boolean isKnown,
        boolean isIndirect,
        Reach reach,
        String named,
        long entry,
        long returnAddress,
        TaskIdentity task,
        int cpu) {
    public static final String INTERRUPT = "interrupt";
    public static final String EXCEPTION = "exception";
    public static final String KERNEL_THREAD = "kernel thread";

    /// Of a call through a pointer, in edge mode: anything.
    static final String SOME_INDIRECT_CALL = "indirect call";

    /// Of a flow whose beginning was not seen, or that is not whole: anything.
    static final String UNKNOWN = "unknown";

    /// Before the number of a system call of the 32-bit table, or its name.
    public static final String NUMBERED_32 = "32-bit system call ";

    /// Whether it is known what the call was made in.
    public boolean isContextKnown() {
        return !context.equals(SOME_INDIRECT_CALL) && !context.equals(UNKNOWN);
    }

    /// Whether one part of the kernel's entry code hands a system call to another. It tells no more than that there was
    /// a system call, and is in no flow: these begin with the system call's own function.
    public boolean isDispatch() {
        int offset = caller.indexOf('+');
        return isKnown
                && !isIndirect
                && Role.of(function) == Role.DISPATCHER
                && offset > 0
                && Role.of(caller.substring(0, offset)) == Role.DISPATCHER
                && !caller.endsWith("]");
    }

    /// The same with a better name of the place it was made from.
    public ObservedEdge calledFrom(String place) {
        return new ObservedEdge(
                context,
                inSystemCall,
                place,
                function,
                isKnown,
                isIndirect,
                reach,
                named,
                entry,
                returnAddress,
                task,
                cpu);
    }

    /// Takes edges as they are seen.
    public interface Sink {
        /// One more.
        void edge(ObservedEdge edge);
    }
}
