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
        List<TaskStack> stacks = kernel.taskStacks();
        List<Long> running = new ArrayList<>();
        for (int vcpu = 0; vcpu < text.registers().vcpuCount(); vcpu++) {
            VcpuRegisters registers = text.registers().read(vcpu);
            if (registers.rip() >= from && registers.rip() < to) {
                return false;
            }
            if (registers.cpl() == 0) {
                running.add(registers.general()[VcpuRegisters.RSP]);
            }
        }
        for (long top : kernel.interruptStackTops()) {
            if (top != 0 && holds(top - IRQ_STACK_BYTES, top, running, Optional.empty())) {
                return false;
            }
        }
        for (TaskStack stack : stacks) {
            if (holds(stack.lowest(), stack.top(), running, Optional.of(stack.saved()))) {
                return false;
            }
        }
        return true;
    }

    /// @param saved where the part in use begins unless a vCPU runs on the stack; empty for an interrupt stack,
    ///   which is in use from a vCPU's stack pointer on, or wholly while vCPUs are on yet other stacks
    private boolean holds(long lowest, long top, List<Long> running, Optional<Long> saved) throws GuestException {
        long start = saved.filter(sp -> sp >= lowest && sp < top).orElse(top);
        for (long stackPointer : running) {
            if (stackPointer >= lowest && stackPointer < top) {
                start = Math.min(start, stackPointer);
            }
        }
        ByteBuffer words = ByteBuffer.wrap(text.read(start & -8L, (int) (top - (start & -8L))))
                .order(ByteOrder.LITTLE_ENDIAN);
        while (words.remaining() >= 8) {
            long word = words.getLong();
            if (word >= from && word < to) {
                return true;
            }
        }
        return false;
    }
}
