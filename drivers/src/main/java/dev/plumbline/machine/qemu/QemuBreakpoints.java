package dev.plumbline.machine.qemu;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VcpuState;
import java.util.List;
import java.util.Optional;

/// Breakpoints of QEMU's debug stub.
final class QemuBreakpoints implements Breakpoints {
    private static final String STOPPED_AT_BREAKPOINT = "debug";

    private final QmpClient qmp;
    private final long pid;
    private final QemuRegisters registers;
    private final int[] threads;
    private final QemuMemory memory;
    private final boolean translating;
    private boolean removedLeft;
    private QemuBreakpointSession session;

    QemuBreakpoints(QmpClient qmp, long pid, QemuRegisters registers, QemuMemory memory, boolean translating) {
        this.qmp = qmp;
        this.pid = pid;
        this.memory = memory;
        this.translating = translating;
        this.registers = registers;
        this.threads = registers.debuggerThreads();
    }

    @Override
    public Session open() throws GuestException {
        removeLeft();
        boolean ran = isRunning();
        try {
            session = connect(!ran);
            return session;
        } catch (GuestException e) {
            if (ran) {
                qmp.execute("cont");
            }
            throw e;
        }
    }

    private QemuBreakpointSession connect(boolean pausedByOthers) throws GuestException {
        DebugStub stub = DebugStub.open(qmp, pid, threads);
        try {
            stub.gdb().removeAllBreakpoints(threads);
            QemuBreakpointSession opened = new QemuBreakpointSession(qmp, stub, threads, pausedByOthers);
            List<StubRegisters> told = opened.readThroughStub();
            check(told.getFirst().state());
            if (translating) {
                EmulatedVcpus.find(memory.process(), memory.heap(), told).ifPresent(opened::readIn);
            }
            return opened;
        } catch (GuestException e) {
            stub.close();
            throw e;
        }
    }

    /// The stub's registers have no names: were their order another one, the guest would be let run with nonsense.
    private void check(VcpuState state) throws GuestException {
        VcpuRegisters printed = registers.read(0);
        if (state.rip != printed.rip()
                || state.general[VcpuState.RSP] != printed.general()[VcpuRegisters.RSP]
                || state.gsBase != printed.gsBase()
                || state.cpl != printed.cpl()) {
            throw new GuestException(
                    "QEMU's debug stub shows other registers than its monitor: this version is not supported");
        }
    }

    @Override
    public boolean removeLeft() throws GuestException {
        boolean isToRun = isToRun();
        boolean removed = removeAndLetRun(DebugStub.takeLeft(qmp), isToRun) | removedLeft;
        removedLeft = false;
        return removed;
    }

    /// The same where no run is at work: who takes hold of the guest is not to find it standing at a breakpoint. One
    /// that is paused it leaves to who knows whether it is to run.
    void removeLeftByTheDead() throws GuestException {
        if (isToRun()) {
            removedLeft = removeAndLetRun(DebugStub.takeLeftByTheDead(qmp), true);
        }
    }

    private boolean removeAndLetRun(Optional<StubDirectory> left, boolean isToRun) throws GuestException {
        if (left.isEmpty()) {
            return false;
        }
        DebugStub.removeLeft(left.get(), qmp, pid, threads);
        if (isToRun) {
            qmp.execute("cont");
        }
        return true;
    }

    private boolean isToRun() throws GuestException {
        QmpValue status = qmp.execute("query-status");
        return status.get("running").isTrue() || status.get("status").text().equals(STOPPED_AT_BREAKPOINT);
    }

    /// Closes a session still open.
    void end() throws GuestException {
        if (session != null) {
            session.close();
        }
    }

    private boolean isRunning() throws GuestException {
        return qmp.execute("query-status").get("running").isTrue();
    }
}
