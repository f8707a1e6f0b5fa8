package dev.plumbline.guest;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import java.util.List;

/// The places where tests set probes.
final class ProbeSites {
    private ProbeSites() {}

    /// All that the kernel's own tracer knows and does not use now.
    static List<Long> every(LinuxKernel kernel) throws GuestException {
        return kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled() && !record.enabled())
                .map(FtraceRecord::address)
                .toList();
    }
}
