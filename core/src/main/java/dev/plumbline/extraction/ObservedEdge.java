package dev.plumbline.extraction;

/// A call that was seen for the first time, by names.
///
/// @param context name of the system call it was made in; `interrupt`, `exception` or `kernel thread` where there is
///   none, `indirect call` where that is not known
/// @param inSystemCall whether the context is a system call
/// @param caller symbol and offset of the return address
/// @param function the function that was entered; for an unknown one the place, as [FlowNames] has it
/// @param isKnown whether it is a known function's entry
/// @param isIndirect whether it was reached through a pointer
/// @param task who made the call
/// @param cpu the CPU it was made on
public record ObservedEdge(
        String context,
        boolean inSystemCall,
        String caller,
        String function,
        boolean isKnown,
        boolean isIndirect,
        TaskIdentity task,
        int cpu) {

    /// Takes edges as they are seen.
    public interface Sink {
        /// One more.
        void edge(ObservedEdge edge);
    }
}
