package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import java.util.List;

/// Writes code as is done under KVM, whatever the accelerator. Only for guests that will not run again: a translating
/// accelerator does not see it.
public final class DirectWrites {
    private final PatchRuns runs;

    /// @param machine the guest
    /// @param patches what is to be written
    public DirectWrites(QemuMachine machine, List<CodePatch> patches) {
        runs = new PatchRuns((QemuMemory) machine.memory(), patches);
    }

    /// Writes the patches.
    ///
    /// @throws GuestException if the guest has ended
    public void write() throws GuestException {
        runs.write();
    }
}
