package dev.plumbline.extraction;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// The tasks being followed, by the address of their `struct task_struct`: open addressing, half full at most. The
/// multiplier is secret, as in [LongTable]. For one thread.
final class TaskTable {
    private final long multiplier = new SplittableRandom().nextLong() | 1;
    private final int most;
    private TaskState[] slots = new TaskState[64];
    private int count;

    /// @param most how many tasks there may be
    TaskTable(int most) {
        this.most = most;
    }

    boolean isFull() {
        return count >= most;
    }

    /// The task, or `null`.
    TaskState find(long address) {
        return slots[slot(address)];
    }

    void add(TaskState task) {
        if (++count > slots.length / 2) {
            TaskState[] old = slots;
            slots = new TaskState[old.length * 2];
            Arrays.stream(old).filter(each -> each != null).forEach(each -> slots[slot(each.address)] = each);
        }
        slots[slot(task.address)] = task;
    }

    void remove(TaskState task) {
        int hole = slot(task.address);
        if (slots[hole] != task) {
            return;
        }
        count--;
        slots[hole] = null;
        // What follows may have been pushed on by what is gone.
        for (int at = next(hole); slots[at] != null; at = next(at)) {
            TaskState moved = slots[at];
            slots[at] = null;
            slots[slot(moved.address)] = moved;
        }
    }

    List<TaskState> all() {
        List<TaskState> all = new ArrayList<>(count);
        for (TaskState task : slots) {
            if (task != null) {
                all.add(task);
            }
        }
        return all;
    }

    private int slot(long address) {
        int at = (int) (address * multiplier >>> 32) & slots.length - 1;
        while (slots[at] != null && slots[at].address != address) {
            at = next(at);
        }
        return at;
    }

    private int next(int slot) {
        return slot + 1 & slots.length - 1;
    }
}
