package dev.plumbline.kernel;

/// The part of a task's kernel stack that is in use: return addresses in it lead to code that will run again.
///
/// @param task address of its `struct task_struct`
/// @param lowest virtual address of the stack's lowest byte
/// @param saved the stack pointer at the task's last switch; of a task that runs now it says nothing
/// @param top virtual address behind the stack's highest byte
public record TaskStack(long task, long lowest, long saved, long top) {

    /// Whether a stack pointer is in this stack.
    public boolean contains(long stackPointer) {
        return Long.compareUnsigned(stackPointer, lowest) >= 0 && Long.compareUnsigned(stackPointer, top) <= 0;
    }
}
