package dev.plumbline.extraction;

/// What a flow is the work of.
public enum FlowKind {
    /// One system call of one task.
    SYSTEM_CALL,
    /// One interrupt, softirq or NMI, whatever it interrupted.
    INTERRUPT,
    /// One processor exception, a page fault for instance, wherever it happened.
    EXCEPTION,
    /// What a task does before it first reaches user mode or its thread function.
    NEW_TASK,
    /// One call that a kernel thread's main function, or an idle task, makes.
    KERNEL_THREAD,
    /// What a user task does in the kernel outside of all these: on its way back to user mode, for instance; or in a
    /// system call it had entered before tracing began.
    OTHER
}
