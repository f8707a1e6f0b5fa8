package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads the list of tasks as the guest keeps it for `for_each_process_thread`: processes from `init_task` through
/// `tasks`, each one's threads through `signal->thread_head`.
///
/// The guest changes these lists while they are read. Each link onwards is checked against the link back, so that a
/// task that has just left, or whose memory has been given to another, is noticed; whoever asked then starts again.
final class TaskReader {
    private static final String LIST = "list of tasks";
    /// `PID_MAX_LIMIT`
    private static final int MOST_PIDS = 4 << 20;
    private static final int LONGEST_NAME = 64;

    private final KernelMemory memory;
    private final long initTask;
    private final long tasks;
    private final long threads;
    private final long pid;
    private final long tgid;
    private final long signal;
    private final StructLayout.Member comm;
    private final long threadHead;
    private final long firstByte;
    private final long bytes;

    /// @param initTask address of the symbol `init_task`
    TaskReader(KernelMemory memory, Btf btf, long initTask) throws KernelFormatException {
        this.memory = memory;
        this.initTask = initTask;
        StructLayout task = btf.struct("task_struct");
        this.tasks = task.offset("tasks");
        this.threads = task.offset("thread_node");
        this.pid = task.offset("pid");
        this.tgid = task.offset("tgid");
        this.signal = task.offset("signal");
        this.comm = task.member("comm");
        this.threadHead = btf.struct("signal_struct").offset("thread_head");
        this.firstByte = Math.min(Math.min(tasks, threads), Math.min(Math.min(pid, tgid), signal));
        this.bytes =
                Math.max(Math.max(tasks, threads), Math.max(signal, comm.offset() + comm.sizeBytes())) + 16 - firstByte;
    }

    /// All tasks but the idle ones: processes in order of creation, each followed by its other threads.
    ///
    /// @throws KernelFormatException if the lists make no sense, also because the guest has just changed them
    List<Task> tasks() throws GuestException {
        return new Walk().all();
    }

    private final class Walk {
        private final List<Task> found = new ArrayList<>();
        private final Set<Long> seen = new HashSet<>();

        List<Task> all() throws GuestException {
            long head = initTask + tasks;
            long previous = head;
            for (long entry = memory.s64(head); entry != head; ) {
                Block process = visit(entry - tasks);
                addThreads(process.s64(signal - firstByte) + threadHead, entry - tasks, process);
                KernelList.checkBack(LIST, entry, process.s64(tasks + 8 - firstByte), previous);
                previous = entry;
                entry = process.s64(tasks - firstByte);
            }
            return found;
        }

        private void addThreads(long head, long leader, Block process) throws GuestException {
            long previous = head;
            for (long entry = memory.s64(head); entry != head; ) {
                Block thread = entry - threads == leader ? process : visit(entry - threads);
                KernelList.checkBack(LIST, entry, thread.s64(threads + 8 - firstByte), previous);
                previous = entry;
                entry = thread.s64(threads - firstByte);
            }
        }

        private Block visit(long address) throws GuestException {
            if (address >= 0 || (address & 7) != 0 || !seen.add(address)) {
                throw new KernelFormatException(LIST, address, "no task, or one that was met before");
            }
            Block task = memory.block("task", address + firstByte, bytes);
            int number = task.s32(pid - firstByte);
            if (number <= 0 || number > MOST_PIDS) {
                throw new KernelFormatException(LIST, address, "a task with the number " + number);
            }
            String name = task.text(comm.offset() - firstByte, (int) Math.min(LONGEST_NAME, comm.sizeBytes()));
            found.add(new Task(number, task.s32(tgid - firstByte), name, address));
            return task;
        }
    }
}
