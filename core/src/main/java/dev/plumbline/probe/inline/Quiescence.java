package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.TaskStack;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.VcpuRegisters;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongPredicate;

/// Tells when no code in some range can run on in the guest, so that it may be overwritten: no vCPU is in it, and
/// no stack in use holds an address in it, be it as a return address or as the place an interrupt came from. Nor does
/// the guest's own tracer keep one that it has taken off a stack.
///
/// A moment counts only if every vCPU that is in the kernel is on the stack of its current task. On another stack
/// (of interrupts, NMIs and other exceptions with one of their own, of the first instructions behind an entry) it
/// has left a part of a task's stack that nothing here would know the size of; such moments are short, and the
/// next one is tried. Then the tasks that are current on the other CPUs are in user mode, and their stacks empty.
final class Quiescence {
    private static final long RETRY_NANOS = 2_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final LongPredicate isCode;

    /// @param from first byte of the code
    /// @param to behind its last byte
    Quiescence(LinuxKernel kernel, GuestText text, long from, long to) {
        this(kernel, text, address -> address >= from && address < to);
    }

    /// @param isCode whether an address is of the code; asked, while the guest is paused, of every word that may be one
    Quiescence(LinuxKernel kernel, GuestText text, LongPredicate isCode) {
        this.kernel = kernel;
        this.text = text;
        this.isCode = isCode;
    }

    /// Waits until nothing can run the code, then does `action` with the guest still paused.
    ///
    /// @return whether it was done; not if no moment was right or something held on to the code all of the time
    /// @throws GuestException if the guest cannot be read
    boolean awaitAndDo(long patienceNanos, Action action) throws GuestException {
        long deadline = System.nanoTime() + patienceNanos;
        while (true) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                if (isQuiet() && action.run()) {
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
        /// @return whether this was the moment for it; else another is waited for
        /// @throws GuestException as the guest gives it
        boolean run() throws GuestException;
    }

    private boolean isQuiet() throws GuestException {
        Optional<List<Long>> stackPointers = kernelStackPointers();
        if (stackPointers.isEmpty()) {
            return false;
        }
        Set<Long> current = kernel.currentTasks();
        List<Long> unknown = new ArrayList<>(stackPointers.get());
        List<TaskStack> stacks = kernel.taskStacks();
        for (TaskStack stack : stacks) {
            boolean isCurrent = current.contains(stack.task());
            long start = isCurrent ? stack.top() : stack.saved();
            for (long stackPointer : stackPointers.get()) {
                // Not on that of the current one while it switches from task to task.
                if (isCurrent && stack.contains(stackPointer)) {
                    unknown.remove(stackPointer);
                    start = stackPointer;
                }
            }
            if (holds(stack, start)) {
                return false;
            }
        }
        return unknown.isEmpty() && kernel.tracedReturns(stacks).stream().noneMatch(isCode::test);
    }

    /// Of the vCPUs that are in the kernel; none if one of them is in our code.
    private Optional<List<Long>> kernelStackPointers() throws GuestException {
        List<Long> stackPointers = new ArrayList<>();
        for (int vcpu = 0; vcpu < text.registers().vcpuCount(); vcpu++) {
            VcpuRegisters registers = text.registers().read(vcpu);
            if (isCode.test(registers.rip())) {
                return Optional.empty();
            }
            if (registers.cpl() == 0 && registers.pagingEnabled() && !kernel.isOfOfflineCpu(registers.gsBase())) {
                stackPointers.add(registers.general()[VcpuRegisters.RSP]);
            }
        }
        return Optional.of(stackPointers);
    }

    private boolean holds(TaskStack stack, long start) throws GuestException {
        if (stack.lowest() == 0) {
            // Its task has ended and waits for its parent to ask.
            return false;
        }
        long first = (stack.contains(start) ? start : stack.lowest()) & -8L;
        ByteBuffer words =
                ByteBuffer.wrap(text.read(first, (int) (stack.top() - first))).order(ByteOrder.LITTLE_ENDIAN);
        while (words.remaining() >= 8) {
            if (isCode.test(words.getLong())) {
                return true;
            }
        }
        return false;
    }
}
