package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Edge and lossless mode on busy guests.
@Tag("guest")
@Timeout(240)
class RecordingModesGuestTest {
    private static final int GETPPID = 110;
    private static final long FULL_RINGS_MILLIS = 100;
    private static final long GIVING_UP_MILLIS = 4_000;
    /// The wait ends after so many ticks of the time stamp counter, of whichever speed: half a second at 2 GHz.
    private static final long WAITED_FOR_NANOS = 200_000_000;

    /// A guest gets its share of a busy host.
    private static final int MOST_SECONDS = 30;

    private static final int MOST_ATTEMPTS = 3;

    @TempDir
    private Path directory;

    /// Keeps what it is told.
    private static final class Told implements CallEventSink {
        private record Edge(long site, long returnAddress, int systemCall) {}

        private final Map<Edge, Integer> edges = new HashMap<>();
        private final Set<Integer> systemCalls = new HashSet<>();
        private long calls;
        private long lost;

        @Override
        public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
            calls++;
        }

        @Override
        public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
            edges.merge(new Edge(site, returnAddress, systemCall), 1, Integer::sum);
            systemCalls.add(systemCall);
        }

        @Override
        public void time(int cpu, long timeStampCounter) {
            // no order is asked for
        }

        @Override
        public void lost(int cpu, long count) {
            lost += count;
        }
    }

    @ParameterizedTest
    @OnGuests({"V6_1, 2", "V6_12, 1", "V6_1, 1", "V6_12, 2"})
    void anEdgeIsToldWithItsSystemCallAndThenKnown(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(cpus));
                RunningCommand _ = guest.guest().start("syscall-loop 100s");
                Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            Told told = new Told();
            try (InlineEngine engine = arm(kernel, RecordingMode.EDGE)) {
                int seconds = 0;
                while (!isKnown(engine, told)) {
                    assertThat(++seconds)
                            .as("seconds in which much was told that is known, or new")
                            .isLessThan(MOST_SECONDS);
                }
                finish(engine, told);
            }
            assertThat(told.lost).isZero();
            SystemCall getppid = kernel.systemCalls().stream()
                    .filter(call -> call.number() == GETPPID)
                    .findFirst()
                    .orElseThrow();
            List<Told.Edge> into = told.edges.keySet().stream()
                    .filter(edge ->
                            edge.site() - getppid.entryAddress() >= 0 && edge.site() - getppid.entryAddress() <= 4)
                    .toList();
            assertThat(into).hasSize(1).allMatch(edge -> edge.systemCall() == GETPPID);
            assertThat(told.systemCalls).contains(-2, -3).allMatch(call -> call >= -4 && call < 600);
            assertThat(guest.guest().execChecked("echo alive").strip()).isEqualTo("alive");
        }
    }

    /// Whether in a second little was new, and little told again.
    private static boolean isKnown(InlineEngine engine, Told told) throws Exception {
        long known = told.edges.size();
        long repeated = repeated(told);
        poll(engine, told, 1_000);
        return told.edges.size() - known < known / 4 && repeated(told) - repeated < known / 10;
    }

    private static long repeated(Told told) {
        return told.edges.values().stream().mapToLong(times -> times - 1).sum();
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_12, 2", "V6_1, 2", "V6_12, 1"})
    void theGuestWaitsForItsReaderAndNotForever(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(cpus));
                RunningCommand stress = guest.guest().start("stress 20");
                Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            String log = guest.console();
            // A host that is busy may keep the reader away for longer than it is waited for.
            int attempts = 0;
            while (!waits(guest, kernel, cpus)) {
                assertThat(++attempts)
                        .as("attempts that the host was too busy for")
                        .isLessThan(MOST_ATTEMPTS);
            }
            assertThat(stress.await().status()).isZero();
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private boolean waits(GuestUnderTest guest, LinuxKernel kernel, int cpus) throws Exception {
        Told told = new Told();
        long longestAway = 0;
        try (InlineEngine engine = arm(kernel, RecordingMode.LOSSLESS)) {
            for (int pause = 0; pause < 3; pause++) {
                longestAway = Math.max(longestAway, poll(engine, told, 300));
                long left = System.nanoTime();
                Thread.sleep(FULL_RINGS_MILLIS);
                engine.poll(told);
                longestAway = Math.max(longestAway, System.nanoTime() - left);
            }
            longestAway = Math.max(longestAway, poll(engine, told, 300));
            if (told.lost > 0 && longestAway > WAITED_FOR_NANOS) {
                finish(engine, told);
                return false;
            }
            assertThat(told.lost).as("lost while the guest waits").isZero();
            assertThat(told.calls).as("more than the rings hold").isGreaterThan(cpus * 131_072L);
            Thread.sleep(GIVING_UP_MILLIS);
            assertThat(guest.guest().execChecked("echo alive").strip()).isEqualTo("alive");
            finish(engine, told);
        }
        assertThat(told.lost).as("lost when nobody read").isPositive();
        return true;
    }

    private InlineEngine arm(LinuxKernel kernel, RecordingMode mode) throws GuestException {
        ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
        return InlineEngine.arm(kernel, journal, ProbeSites.every(kernel), new Recording(mode, true));
    }

    // Tells the longest time from one reading to the next, in nanoseconds.
    private static long poll(InlineEngine engine, Told told, long millis) throws Exception {
        long start = System.nanoTime();
        long last = start;
        long longest = 0;
        while (last - start < millis * 1_000_000) {
            if (engine.poll(told) == 0) {
                Thread.sleep(1);
            }
            long now = System.nanoTime();
            longest = Math.max(longest, now - last);
            last = now;
        }
        return longest;
    }

    private static void finish(InlineEngine engine, Told told) throws GuestException {
        engine.disarm();
        PolledToTheEnd.of(engine, told, () -> {});
        assertThat(engine.lost()).isEqualTo(told.lost);
    }
}
