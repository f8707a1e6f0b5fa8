package dev.plumbline.command;

import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.probe.trap.TrapEngine;
import java.util.List;

/// How probes are set. Named as on the command line.
enum EngineChoice {
    /// Calls to a recorder in the guest.
    inline {
        @Override
        ProbeEngine start(TracedKernel traced, List<SystemCall> wanted, Recording recording) throws GuestException {
            return InlineEngine.arm(
                    traced.kernel(),
                    ProbeJournals.of(traced.kernel()),
                    traced.sites(),
                    recording,
                    recording.checksIndirect() ? traced.code().graph().indirectSites() : List.of());
        }
    },

    /// Breakpoints of the hypervisor.
    trap {
        @Override
        ProbeEngine start(TracedKernel traced, List<SystemCall> wanted, Recording recording) throws GuestException {
            return TrapEngine.arm(
                    traced.kernel(),
                    ProbeJournals.of(traced.kernel()),
                    traced.code().graph(),
                    wanted,
                    traced.sites(),
                    recording);
        }
    };

    /// Sets the probes.
    ///
    /// @param wanted the system calls of interest
    /// @throws GuestException if it cannot be done; the guest is as it was then
    abstract ProbeEngine start(TracedKernel traced, List<SystemCall> wanted, Recording recording) throws GuestException;
}
