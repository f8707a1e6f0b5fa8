package dev.plumbline.extraction;

/// Tells who a task is. Asked once for each task that appears, and again after it may have changed its name.
public interface TaskIdentities {

    /// Who the task is now.
    ///
    /// @param task address of its `struct task_struct`, as the guest gave it: it may be any number
    /// @return [TaskIdentity#UNKNOWN] where there is no such task any more
    TaskIdentity identity(long task);
}
