package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;

/// Reads where the kernel stacks lie: of all tasks and of the idle tasks, which no list holds.
final class StackReader {
    /// `THREAD_SIZE` of x86-64 without KASAN, which doubles it.
    private static final long STACK_BYTES = 16 << 10;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final PerCpu perCpu;
    private final long stackAt;
    private final long savedAt;
    private final Btf btf;

    StackReader(KernelMemory memory, KernelSymbols symbols, Btf btf, PerCpu perCpu) throws KernelFormatException {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
        this.perCpu = perCpu;
        StructLayout task = btf.struct("task_struct");
        this.stackAt = task.offset("stack");
        this.savedAt = task.offset("thread.sp");
    }

    List<TaskStack> taskStacks(List<Task> tasks) throws GuestException {
        List<TaskStack> stacks = new ArrayList<>();
        for (Task task : tasks) {
            stacks.add(read(task.address()));
        }
        long idle = symbols.address("idle_threads");
        for (int cpu = 0; cpu < perCpu.bases().length; cpu++) {
            if (perCpu.online()[cpu]) {
                stacks.add(read(memory.s64(perCpu.bases()[cpu] + idle)));
            }
        }
        return stacks;
    }

    private TaskStack read(long task) throws GuestException {
        long lowest = memory.s64(task + stackAt);
        return new TaskStack(task, lowest, memory.s64(task + savedAt), lowest + STACK_BYTES);
    }
}
