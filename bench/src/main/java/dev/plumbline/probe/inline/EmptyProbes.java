package dev.plumbline.probe.inline;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.x86.Assembler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Calls at all sites of the kernel that return at once: what any probe costs that is a call. For a guest that is
/// thrown
/// away, and whose own tracer does nothing meanwhile: nothing of this is journalled, and the `ret` stays.
public final class EmptyProbes implements AutoCloseable {
    private final Machine machine;
    private final GuestText text;
    private final List<CodePatch> nops = new ArrayList<>();

    /// @param socket the guest's monitor
    public EmptyProbes(Path socket) throws IOException {
        machine = QemuMachine.attach(socket);
        LinuxKernel kernel = LinuxKernel.open(machine);
        text = new GuestText(kernel);
        long target =
                CodeCave.find(kernel.addressSpace(), kernel.image(), Long.BYTES).address();
        List<CodePatch> calls = new ArrayList<>();
        for (FtraceRecord record : kernel.ftraceRecords()) {
            long site = record.address();
            if (!record.disabled() && kernel.image().contains(site)) {
                nops.add(text.patch(site, InlineSites.nop()));
                calls.add(text.patch(site, new Assembler(site).call(target).assemble()));
            }
        }
        try (Pausing.Pause _ = text.pausing().pause()) {
            text.writeCode(
                    List.of(text.patch(target, new Assembler(target).ret().assemble())));
            text.writeCode(calls);
        }
    }

    @Override
    public void close() throws GuestException {
        try (machine;
                Pausing.Pause _ = text.pausing().pause()) {
            text.writeCode(nops);
        }
    }
}
