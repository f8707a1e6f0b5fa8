package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import java.util.List;

/// Writes code while the guest is paused: under KVM through the process's memory; else through the debug stub,
/// whose writes make a translating accelerator give up what it translated from the old bytes.
final class QemuCodeWriter implements CodeWriter {
    private final QmpClient qmp;
    private final long pid;
    private final int[] threads;
    private final boolean translating;
    private final QemuMemory memory;
    private final Pausing pausing;

    /// @param threads the debug stub's numbers of all vCPUs
    QemuCodeWriter(QmpClient qmp, long pid, int[] threads, boolean translating, QemuMemory memory, Pausing pausing) {
        this.qmp = qmp;
        this.pid = pid;
        this.threads = threads;
        this.translating = translating;
        this.memory = memory;
        this.pausing = pausing;
    }

    @Override
    public void writeCode(List<CodePatch> patches) throws GuestException {
        for (CodePatch patch : patches) {
            memory.hostAddress(patch.address(), patch.bytes().length);
        }
        if (translating) {
            writeThroughStub(patches);
        } else {
            writeToMemory(new PatchRuns(memory, patches));
        }
    }

    private void writeThroughStub(List<CodePatch> patches) throws GuestException {
        try (Pausing.Pause _ = pausing.pause();
                DebugStub stub = DebugStub.open(qmp, pid, threads)) {
            stub.gdb().write(patches);
        }
    }

    private void writeToMemory(PatchRuns runs) throws GuestException {
        try (Pausing.Pause _ = pausing.pause()) {
            runs.write();
        }
    }
}
