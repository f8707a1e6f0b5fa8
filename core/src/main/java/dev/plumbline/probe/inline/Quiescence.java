package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.TaskStack;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.VcpuRegisters;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/// Tells when no code of ours can run again in the guest, so that it may be overwritten: no vCPU is in it, and no
/// stack in use holds an address in it, be it as a return address or as the place an interrupt came from.
final class Quiescence {
    private static final long IRQ_STACK_BYTES = 16 << 10;
    private static final long RETRY_NANOS = 2_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final long from;
    private final long to;

    /// @param from first byte of the code
    /// @param to behind its last byte
    Quiescence(LinuxKernel kernel, GuestText text, long from, long to) {
        this.kernel = kernel;
        this.text = text;
        this.from = from;
        this.to = to;
    }

    /// Waits until nothing can run the code, then does `action` with the guest still paused.
    ///
    /// @return whether it was done; not if something held on to the code for all of the time
    /// @throws GuestException if the guest cannot be read
    boolean awaitAndDo(long patienceNanos, Action action) throws GuestException {
        long deadline = System.nanoTime() + patienceNanos;
        while (true) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                if (isQuiet()) {
                    action.run();
                    return true;
                }
            }
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    /// What is done in the quiet.
    interface Action {
        /// @throws GuestException as the guest gives it
        void run() throws GuestException;
    }

    private boolean isQuiet() throws GuestException {
        List<VcpuRegisters> vcpus = new ArrayList<>();
        for (int vcpu = 0; vcpu < text.registers().vcpuCount(); vcpu++) {
            vcpus.add(text.registers().read(vcpu));
        }
        if (vcpus.stream().anyMatch(vcpu -> isOurs(vcpu.rip()))) {
            return false;
        }
        Set<Long> looked = new HashSet<>();
        return areRunningStacksQuiet(vcpus, looked) && areOtherStacksQuiet(looked);
    }

    private boolean areRunningStacksQuiet(List<VcpuRegisters> vcpus, Set<Long> looked) throws GuestException {
        long[] bases = kernel.perCpu().bases();
        long[] interruptTops = kernel.interruptStackTops();
        List<TaskStack> running = kernel.runningStacks();
        for (VcpuRegisters vcpu : vcpus) {
            if (vcpu.cpl() != 0) {
                continue;
            }
            int cpu = Arrays.stream(bases).boxed().toList().indexOf(vcpu.gsBase());
            if (cpu < 0 || running.get(cpu) == null) {
                // In the first or last instructions of an entry from user mode.
                return false;
            }
            if (!isQuiet(vcpu.general()[VcpuRegisters.RSP], running.get(cpu), interruptTops[cpu])) {
                return false;
            }
            looked.add(running.get(cpu).task());
        }
        return true;
    }

    // The kernel leaves the interrupted task's stack pointer in the topmost word of the interrupt stack. On a stack for
    // entries or for NMIs and the like nothing stays long.
    private boolean isQuiet(long stackPointer, TaskStack task, long interruptTop) throws GuestException {
        if (task.contains(stackPointer)) {
            return isQuiet(stackPointer, task.top());
        }
        if (stackPointer < interruptTop - IRQ_STACK_BYTES || stackPointer >= interruptTop) {
            return false;
        }
        long interrupted = ByteBuffer.wrap(text.read(interruptTop - 8, 8))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
        return isQuiet(stackPointer, interruptTop)
                && isQuiet(task.contains(interrupted) ? interrupted : task.lowest(), task.top());
    }

    private boolean areOtherStacksQuiet(Set<Long> looked) throws GuestException {
        for (TaskStack stack : kernel.taskStacks()) {
            if (!looked.contains(stack.task())
                    && stack.contains(stack.saved())
                    && !isQuiet(stack.saved(), stack.top())) {
                return false;
            }
        }
        return true;
    }

    private boolean isQuiet(long stackPointer, long top) throws GuestException {
        long start = stackPointer & -8L;
        ByteBuffer words =
                ByteBuffer.wrap(text.read(start, (int) (top - start))).order(ByteOrder.LITTLE_ENDIAN);
        while (words.remaining() >= 8) {
            if (isOurs(words.getLong())) {
                return false;
            }
        }
        return true;
    }

    private boolean isOurs(long address) {
        return address >= from && address < to;
    }
}
