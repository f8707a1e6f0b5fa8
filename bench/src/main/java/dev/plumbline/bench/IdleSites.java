package dev.plumbline.bench;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Function entries in pages of code in which nothing runs while the guest does its work: QEMU translates a page with a
/// breakpoint instruction by instruction, and that is not what is to be measured.
final class IdleSites implements CallEventSink {
    private static final int PAGE_BITS = 12;

    private final Set<Long> busyPages = new HashSet<>();

    private IdleSites() {}

    /// Finds them with inline probes at all sites.
    static long[] of(LinuxKernel kernel, ProbeJournal journal, List<Long> sites, TestGuest guest, String work)
            throws IOException {
        IdleSites ran = new IdleSites();
        try (ProbeEngine engine = InlineEngine.arm(kernel, journal, sites);
                RunningCommand running = guest.start(work)) {
            while (running.running()) {
                engine.poll(ran);
            }
            running.await();
            engine.disarm();
            engine.poll(ran);
        }
        return sites.stream()
                .filter(site -> kernel.image().contains(site) && !ran.busyPages.contains(site >> PAGE_BITS))
                .mapToLong(Long::longValue)
                .toArray();
    }

    @Override
    public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
        busyPages.add(site >> PAGE_BITS);
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        busyPages.add(site >> PAGE_BITS);
    }

    @Override
    public void time(int cpu, long timeStampCounter) {
        // When does not matter.
    }

    @Override
    public void lost(int cpu, long count) {
        // The work is a loop: what was lost comes again.
    }
}
