package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Probes at every site of a guest that is busy on all vCPUs: they record, count what is lost exactly, and leave no
/// trace.
@Tag("guest")
@Timeout(180)
class InlineProbesGuestTest {
    private static final long SPAN_NANOS = 2_000_000_000L;
    private static final long LONGEST_NANOS = 60_000_000_000L;
    private static final int FEWER_CALLS = 100_000;

    /// Remembers which functions were entered, by site.
    private static final class Sites implements CallEventSink {
        private final Set<Long> entered = new HashSet<>();
        private long calls;
        private long readings;
        private long lost;

        @Override
        public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
            entered.add(site);
            calls++;
        }

        @Override
        public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
            throw new AssertionError("an edge, though every call is recorded");
        }

        @Override
        public void time(int cpu, long timeStampCounter) {
            readings++;
        }

        @Override
        public void lost(int cpu, long count) {
            lost += count;
        }
    }

    @ParameterizedTest
    @CsvSource({"V6_1, 2", "V6_12, 2"})
    void probesRecordCountAndLeaveNoTrace(GuestKernel version, int cpus, @TempDir Path directory) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(cpus));
                Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
            List<CodeRegion> before = kernel.code().regions();
            String logBefore = guest.console();
            Sites sites = new Sites();
            try (RunningCommand stress = guest.guest().start("stress 12")) {
                try (InlineEngine engine = InlineEngine.arm(kernel, journal, ProbeSites.every(kernel))) {
                    assertThat(engine.siteCount()).isGreaterThan(30_000);
                    assertThat(journal.file()).exists();
                    long start = System.nanoTime();
                    long nanos = 0;
                    while (nanos < SPAN_NANOS || sites.calls <= FEWER_CALLS && nanos < LONGEST_NANOS) {
                        engine.poll(sites);
                        nanos = System.nanoTime() - start;
                    }
                    engine.disarm();
                    PolledToTheEnd.of(engine, sites, () -> {});
                }
                assertThat(stress.await().status())
                        .as("the workload's own count of failures")
                        .isZero();
            }
            assertThat(sites.calls).isGreaterThan(FEWER_CALLS);
            assertThat(sites.readings).isPositive();
            assertThat(ProbeSites.every(kernel)).containsAll(sites.entered);
            assertThat(journal.file()).doesNotExist();
            assertUnchanged(before, kernel.addressSpace());
            assertThat(guest.console()).isEqualTo(logBefore);
        }
    }

    private static void assertUnchanged(List<CodeRegion> before, AddressSpace space) throws GuestException {
        for (CodeRegion region : before) {
            byte[] now = new byte[(int) region.bytes().byteSize()];
            space.read(new VirtualAddress(region.baseAddress()), MemorySegment.ofArray(now));
            assertThat(region.bytes().mismatch(MemorySegment.ofArray(now)))
                    .as("first difference in " + (region.owner() == null ? "the kernel" : region.owner()))
                    .isEqualTo(-1);
        }
    }
}
