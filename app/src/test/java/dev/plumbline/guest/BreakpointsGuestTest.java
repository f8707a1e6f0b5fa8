package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.Breakpoints.Session;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;

/// A guest stops at each call of a function, on whichever vCPU, and only there; and whatever becomes of the run that
/// stops it, it can be let run on.
@Tag("guest")
@Timeout(300)
class BreakpointsGuestTest {
    private static final long SEED = 20_261_126;
    private static final int CALLS = 60;
    private static final Duration A_BUSY_HOST = Duration.ofSeconds(90);
    private static final int KILLS = 8;
    private static final long LATEST_KILL_MILLIS = 1500;
    private static final Duration A_WHILE = Duration.ofMillis(20);
    private static final int HITS_BETWEEN_PAUSES = 10;

    @ParameterizedTest
    @OnGuests({"V6_12, 2", "V6_1, 1"})
    void everyCallIsAHitAndAKilledRunIsRecoveredFrom(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(cpus))) {
            String log = guest.console();
            long rare = guest.read(kernel -> entry(kernel, "__x64_sys_getppid"));
            long frequent = guest.read(kernel -> entry(kernel, "do_filp_open"));
            everyCallIsAHit(guest, cpus, rare, frequent);
            assertRunsFreely(guest);
            aKilledRunIsRecoveredFrom(guest, rare, frequent);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private static void everyCallIsAHit(GuestUnderTest guest, int cpus, long rare, long frequent) throws Exception {
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket());
                QmpClient other = guest.monitor();
                Session session =
                        machine.capability(Breakpoints.class).orElseThrow().open()) {
            session.insert(rare, frequent);
            session.resume();
            try {
                everyCallIsAHit(guest, session, other, cpus, rare, frequent);
            } catch (GuestException e) {
                throw new AssertionError(
                        "QEMU says " + other.execute("query-status") + "\n" + other.monitor("info registers -a"), e);
            }
        }
    }

    private static void everyCallIsAHit(
            GuestUnderTest guest, Session session, QmpClient other, int cpus, long rare, long frequent)
            throws Exception {
        String loop = "syscall-loop " + CALLS;
        String loops = (loop + " & ").repeat(cpus) + "wait";
        int byTheShell = hits(guest, session, null, false, ":", rare, frequent)[0];
        int[] written = hits(guest, session, null, false, loops, rare, frequent);
        int[] stepped = hits(guest, session, null, true, loop, rare, frequent);
        int[] disturbed = hits(guest, session, other, false, loops, rare, frequent);
        session.stop();
        session.remove(frequent);
        session.resume();
        int[] less = hits(guest, session, null, true, loops, rare);
        assertThat(written[0]).as("calls").isEqualTo(cpus * CALLS + byTheShell);
        assertThat(stepped[0]).as("calls, by steps").isEqualTo(CALLS + byTheShell);
        assertThat(disturbed[0]).as("calls, with pauses").isEqualTo(cpus * CALLS + byTheShell);
        assertThat(less[0]).as("calls of one function").isEqualTo(cpus * CALLS + byTheShell);
        assertThat(written[1]).as("calls of the other").isGreaterThanOrEqualTo(cpus * CALLS);
        assertThat(stepped[1]).as("calls of the other").isGreaterThanOrEqualTo(CALLS);
    }

    /// @param other pauses the guest for a moment again and again, if it is not null
    private static int[] hits(
            GuestUnderTest guest, Session session, QmpClient other, boolean isStepping, String command, long... sites)
            throws Exception {
        int[] hits = new int[sites.length];
        int untilPause = HITS_BETWEEN_PAUSES;
        try (RunningCommand running = guest.guest()
                .withLimits(ExecLimits.DEFAULT.withSilence(A_BUSY_HOST))
                .start(command)) {
            while (running.running()) {
                if (other != null && --untilPause == 0) {
                    untilPause = HITS_BETWEEN_PAUSES;
                    pause(session, other);
                }
                if (session.awaitStop(A_WHILE)) {
                    int[] now = BreakpointRun.handle(session, isStepping, sites);
                    for (int site = 0; site < sites.length; site++) {
                        hits[site] += now[site];
                    }
                    session.resume();
                }
            }
            assertThat(running.await().status()).as(command).isZero();
        }
        return hits;
    }

    /// One who sees the guest standing at a breakpoint does not let it run.
    private static void pause(Session session, QmpClient other) throws GuestException {
        other.execute("stop");
        if (!session.awaitStop(A_WHILE)) {
            assertThat(other.execute("query-status").get("status").text()).isEqualTo("paused");
            other.execute("cont");
        }
    }

    private static void aKilledRunIsRecoveredFrom(GuestUnderTest guest, long... sites) throws Exception {
        Random random = new Random(SEED);
        int left = 0;
        try (RunningCommand load = guest.guest()
                .withLimits(ExecLimits.DEFAULT.withTotal(Duration.ofMinutes(5)))
                .start("syscall-loop 250s & syscall-loop 250s & wait")) {
            for (int kill = 0; kill < KILLS; kill++) {
                try (BreakpointRun _ = BreakpointRun.start(guest.guest().qmpSocket(), sites)) {
                    Thread.sleep(random.nextLong(LATEST_KILL_MILLIS));
                }
                CommandRun detach = CommandRun.of("detach", "--after-kill", guest.vm());
                assertThat(detach.status()).as(detach.err()).isZero();
                left += detach.err().contains("the breakpoints are out") ? 1 : 0;
                assertRunsFreely(guest);
                assertThat(CommandRun.of("detach", guest.vm()).err()).contains("nothing of ours is in the guest");
            }
            assertThat(left).as("runs that left breakpoints").isPositive();
            assertThat(load.running()).isTrue();
        }
    }

    private static void assertRunsFreely(GuestUnderTest guest) throws GuestException {
        try (QmpClient monitor = guest.monitor()) {
            try {
                guest.guest()
                        .withLimits(ExecLimits.DEFAULT.withSilence(A_BUSY_HOST))
                        .execChecked("syscall-loop 50 & syscall-loop 50 & wait");
            } catch (GuestException e) {
                throw new AssertionError("QEMU says " + monitor.execute("query-status"), e);
            }
            assertThat(monitor.execute("query-status").get("running").isTrue()).isTrue();
            assertThat(monitor.execute("query-chardev").elements())
                    .noneMatch(device -> device.get("label").text().equals("gdb"));
        }
    }

    private static long entry(LinuxKernel kernel, String function) throws GuestException {
        SymbolTable symbols = kernel.coreSymbols();
        long start = symbols.address(symbols.find(function).orElseThrow());
        return kernel.ftraceRecords().stream()
                .mapToLong(FtraceRecord::address)
                .filter(address -> address >= start && address <= start + 4)
                .findFirst()
                .orElseThrow();
    }
}
