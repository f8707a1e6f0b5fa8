package dev.plumbline.extraction;

/// Who a task is, as its `struct task_struct` said when it was read.
///
/// @param pid its number, what `gettid` returns; 0 for idle tasks, -1 if unknown
/// @param tgid its process's number
/// @param comm its name; empty if unknown
/// @param isKernelThread whether it never runs in user mode
/// @param stackBase lowest address of its kernel stack; 0 if unknown
public record TaskIdentity(int pid, int tgid, String comm, boolean isKernelThread, long stackBase) {

    /// A task whose structure could not be read: it may be gone.
    public static final TaskIdentity UNKNOWN = new TaskIdentity(-1, -1, "", false, 0);
}
