package dev.plumbline.extraction;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.plumbline.kernel.KernelFormatException;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.StructLayout;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Reads who a task is from its `struct task_struct` in guest memory, while the guest runs. For one thread, which
/// may not use the kernel it was made for elsewhere meanwhile.
public final class TaskStructs implements TaskIdentities {
    // PF_KTHREAD, include/linux/sched.h; the same since 2.6.25
    private static final int KERNEL_THREAD = 0x0020_0000;
    private static final int LONGEST_NAME_BYTES = 64;

    private final AddressSpace space;
    private final long stack;
    private final long flags;
    private final long pid;
    private final long tgid;
    private final long comm;
    private final byte[] bytes = new byte[LONGEST_NAME_BYTES];
    private final int nameBytes;

    /// @throws KernelFormatException if the kernel's type information does not describe tasks as known
    public TaskStructs(LinuxKernel kernel) throws KernelFormatException {
        space = kernel.addressSpace();
        StructLayout task = kernel.types().struct("task_struct");
        stack = task.offset("stack");
        flags = task.offset("flags");
        pid = task.offset("pid");
        tgid = task.offset("tgid");
        comm = task.offset("comm");
        nameBytes = (int) Math.min(LONGEST_NAME_BYTES, task.member("comm").sizeBytes());
    }

    @Override
    public TaskIdentity identity(long task) {
        if (task >= 0 || (task & 7) != 0) {
            return TaskIdentity.UNKNOWN;
        }
        try {
            boolean isKernelThread = (s32(task + flags) & KERNEL_THREAD) != 0;
            return new TaskIdentity(s32(task + pid), s32(task + tgid), name(task), isKernelThread, s64(task + stack));
        } catch (GuestException _) {
            // It has ended and its memory is given away, or the guest has: the engine notices that by itself.
            return TaskIdentity.UNKNOWN;
        }
    }

    private String name(long task) throws GuestException {
        read(task + comm, nameBytes);
        int end = 0;
        while (end < nameBytes && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
    }

    private int s32(long address) throws GuestException {
        return read(address, 4).get(JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
    }

    private long s64(long address) throws GuestException {
        return read(address, 8).get(JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
    }

    private MemorySegment read(long address, int sizeBytes) throws GuestException {
        MemorySegment destination = MemorySegment.ofArray(bytes).asSlice(0, sizeBytes);
        space.read(new VirtualAddress(address), destination);
        return destination;
    }
}
