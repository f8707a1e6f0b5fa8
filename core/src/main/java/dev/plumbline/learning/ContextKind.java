package dev.plumbline.learning;

/// What kinds of work a model keeps apart.
public enum ContextKind {
    /// A system call of the 64-bit table, by its name.
    SYSTEM_CALL("", true),
    /// A system call of the 32-bit table, by its name.
    SYSTEM_CALL_32("32-bit ", true),
    /// Kernel threads of one family, `kworker` for instance.
    KERNEL_THREAD("kernel thread ", false),
    /// Interrupts, softirqs and NMIs.
    INTERRUPT("interrupt", false),
    /// Processor exceptions.
    EXCEPTION("exception", false),
    /// What tasks do before they first reach user mode or their thread function.
    NEW_TASK("new task", false),
    /// What user tasks do outside of all these, on their way back to user mode for instance.
    OTHER("other", false);

    private final String title;
    private final boolean isSystemCall;

    ContextKind(String title, boolean isSystemCall) {
        this.title = title;
        this.isSystemCall = isSystemCall;
    }

    /// What stands before a context's name for people.
    String title() {
        return title;
    }

    /// Whether it is a system call of either table.
    public boolean isSystemCall() {
        return isSystemCall;
    }
}
