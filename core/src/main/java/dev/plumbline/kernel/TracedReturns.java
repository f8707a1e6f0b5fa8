package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads the return addresses that the guest's own tracers have taken off the stacks of tasks, and keep until the
/// functions return: the function graph tracer in `ret_stack`, kretprobes and fprobes in lists (`rethooks` since 5.18,
/// commit 54ecbe6f1ed5; `kretprobe_instances` since 5.11, commit d741bf41d7c7).
final class TracedReturns {
    /// What `ret_stack` takes at most: 50 entries of up to 48 bytes, since 6.11 a page.
    private static final int RETURN_STACK_BYTES = 4096;

    private static final int PAGE_BYTES = 4096;
    private static final int MOST_NODES = 10_000;

    private final KernelMemory memory;
    private final Btf btf;
    private final StructLayout task;
    private final Set<Long> found = new HashSet<>();

    TracedReturns(KernelMemory memory, Btf btf) throws KernelFormatException {
        this.memory = memory;
        this.btf = btf;
        this.task = btf.struct("task_struct");
    }

    /// Those of the tasks with these stacks, and maybe words that only look like them.
    Set<Long> of(List<TaskStack> stacks) throws GuestException {
        for (TaskStack stack : stacks) {
            if (task.has("ret_stack")) {
                addWords(memory.s64(stack.task() + task.offset("ret_stack")));
            }
            if (task.has("rethooks")) {
                addNodes(memory.s64(stack.task() + task.offset("rethooks")), btf.struct("rethook_node"));
            } else if (task.has("kretprobe_instances")) {
                long first = memory.s64(stack.task() + task.offset("kretprobe_instances"));
                addNodes(first, btf.struct("kretprobe_instance"));
            }
        }
        return found;
    }

    private void addWords(long start) throws GuestException {
        long end = start + RETURN_STACK_BYTES;
        for (long at = start; start != 0 && at < end; at = pageEnd(at)) {
            try {
                Block words = memory.between("return stack", at, Math.min(end, pageEnd(at)));
                for (long word = 0; word + Long.BYTES <= words.size(); word += Long.BYTES) {
                    found.add(words.s64(word));
                }
            } catch (UnreadableMemoryException e) {
                // A smaller one may end where memory does.
                if (at == start) {
                    throw e;
                }
            }
        }
    }

    private static long pageEnd(long address) {
        return (address & -PAGE_BYTES) + PAGE_BYTES;
    }

    private void addNodes(long first, StructLayout node) throws GuestException {
        int nodes = 0;
        for (long link = first; link != 0; link = memory.s64(link)) {
            if (++nodes > MOST_NODES) {
                throw new KernelFormatException("list of probed returns", first, "a list that does not end");
            }
            found.add(memory.s64(link - node.offset("llist") + node.offset("ret_addr")));
        }
    }
}
