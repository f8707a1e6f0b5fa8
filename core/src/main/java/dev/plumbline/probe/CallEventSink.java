package dev.plumbline.probe;

/// Takes call events as an engine reads them: those of one CPU in the order they happened, those of different CPUs in
/// no order but the one that [#time] gives. Called on one thread, tens of millions of times a second: keep it free of
/// allocation.
public interface CallEventSink {

    /// A function was entered.
    ///
    /// @param cpu the guest's number of the CPU it ran on
    /// @param site address of the probe site: the function's entry, or behind its endbr64
    /// @param returnAddress where the function was to return to; for a function reached by a tail jump, where its
    ///   jumper was to
    /// @param task the current task: address of its `struct task_struct`
    /// @param stackPointer where the return address stood on the stack
    void call(int cpu, long site, long returnAddress, long task, long stackPointer);

    /// A function was entered in a way that is new, in edge mode.
    ///
    /// @param cpu the guest's number of the CPU it ran on
    /// @param site address of the probe site
    /// @param returnAddress where the function was to return to
    /// @param task the current task: address of its `struct task_struct`
    /// @param systemCall number of the system call that the task is in, or what [EdgeContext] has for it
    void edge(int cpu, long site, long returnAddress, long task, int systemCall);

    /// A call or jump through a pointer led to what has no probe. An engine that checks them tells of a target at least
    /// once, and not each time.
    ///
    /// @param cpu the guest's number of the CPU it ran on
    /// @param target where it led; any number
    /// @param returnAddress where the called code was to return to; of a jump, where its jumper was to
    /// @param task the current task: address of its `struct task_struct`
    default void indirect(int cpu, long target, long returnAddress, long task) {
        // Most look at functions that have probes only.
    }

    /// The system call that a task is in has returned. Only from engines that see that; others leave it to the next
    /// event.
    ///
    /// @param cpu the guest's number of the CPU it ran on
    /// @param task the current task: address of its `struct task_struct`
    default void returned(int cpu, long task) {
        // The next event of the task says so.
    }

    /// The next event of this CPU happened at this reading of the time stamp counter, as did every event of a CPU whose
    /// last reading is lower before it. Engines take readings where tasks are switched.
    void time(int cpu, long timeStampCounter);

    /// Events of this CPU were lost between the last one and the next.
    ///
    /// @param count exactly how many
    void lost(int cpu, long count);
}
