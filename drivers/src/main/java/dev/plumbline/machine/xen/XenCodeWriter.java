package dev.plumbline.machine.xen;

import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Writes code while the domain is paused: its vCPUs fetch anew when they run on.
final class XenCodeWriter implements CodeWriter {
    private final XenMemory memory;
    private final Pausing pausing;

    XenCodeWriter(XenMemory memory, Pausing pausing) {
        this.memory = memory;
        this.pausing = pausing;
    }

    @Override
    public void writeCode(List<CodePatch> patches) throws GuestException {
        for (CodePatch patch : patches) {
            memory.verifyIsOneRange(patch.address(), patch.bytes().length);
        }
        try (Pausing.Pause _ = pausing.pause()) {
            for (CodePatch patch : patches) {
                memory.write(patch.address(), MemorySegment.ofArray(patch.bytes()));
            }
        }
    }
}
