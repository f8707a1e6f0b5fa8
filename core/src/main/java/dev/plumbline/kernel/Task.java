package dev.plumbline.kernel;

/// A task: a process's thread, or a kernel thread.
///
/// @param pid its number, what `gettid` returns; 0 for the idle tasks, which are not listed
/// @param tgid its process's number, what `getpid` returns and `ps` shows
/// @param comm its name, at most 15 characters
/// @param address where its `struct task_struct` lies
public record Task(int pid, int tgid, String comm, long address) {

    /// Whether the task leads its process: `ps` shows these only.
    public boolean isProcess() {
        return pid == tgid;
    }
}
