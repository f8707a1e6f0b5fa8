package dev.plumbline.probe;

/// What stands for the system call of an edge where its number alone does not tell.
public final class EdgeContext {
    /// An exception or an interrupt came from user mode, where no system call was under way.
    public static final int FROM_USER_MODE = -1;

    /// It is on an interrupt's stack.
    public static final int INTERRUPT_STACK = -2;

    /// It is in a kernel thread.
    public static final int KERNEL_THREAD = -3;

    /// A number that no system call has; the task asked for it all the same.
    public static final int NO_SUCH_CALL = -4;

    /// Added to numbers of the 32-bit table.
    public static final int CALL_32 = 0x2000;

    private EdgeContext() {}
}
