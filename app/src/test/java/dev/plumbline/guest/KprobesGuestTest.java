package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.LauncherForTests.Command;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Kprobes that a module of the guest's own sets where probes displace instructions, and beside them.
@Tag("guest")
@Timeout(300)
class KprobesGuestTest {
    private static final String KPROBE = "own_kprobe";
    private static final String IN_THE_DOOR = "symbol=ftrace_modify_all_code";
    private static final String STANDS = "a kprobe of the guest's own stands at 0x";
    /// Of both kernels, counted from the function's start.
    private static final int DISPLACED_BYTES = 7;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void kprobesStayWholeOrProbesStepAside(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                GuestOptions.DEFAULT.withKernel(version).withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            TestModules modules = TestModules.of(guest.guest(), version, KPROBE + ".c");
            SortedSet<Long> places = places(guest, modules);
            assertThat(places).hasSizeGreaterThan(1);
            KernelText before = KernelText.of(guest);
            String log = guest.console();
            for (int armed = 0; armed < 2; armed++) {
                modules.load(KPROBE, IN_THE_DOOR + " armed=" + armed);
                aTraceIsRefused(guest);
                modules.unload(KPROBE);
            }
            try (TraceProcess trace = TraceProcess.start(guest, directory, "getppid", "nobody")) {
                anOptimisedOneIsHit(guest.guest(), modules);
                assertThat(places(guest, modules)).containsExactly(places.first());
                modules.load(KPROBE, IN_THE_DOOR);
                traceFunctions(guest.guest());
                assertThat(trace.endAnyhow().getLast()).contains(STANDS).contains("run plumbline detach");
            }
            traceFunctions(guest.guest());
            assertThat(hits(guest.guest())).isGreaterThanOrEqualTo(4);
            modules.unload(KPROBE);
            // The guard goes on trying for some seconds.
            KernelText.awaitUnguarded(guest);
            traceFunctions(guest.guest());
            assertThat(CommandRun.of("detach", guest.vm()).status()).isZero();
            before.assertBack(guest);
            traceFunctions(guest.guest());
            before.assertBack(guest);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private void aTraceIsRefused(GuestUnderTest guest) throws Exception {
        Command trace = new LauncherForTests(directory).start("trace", guest.vm(), "--for", "1s");
        assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(trace.errorLines()).hasSize(1).first().asString().contains(STANDS);
    }

    // Behind the entry NOP, and its 5 bytes become a jump; the place behind the first instruction is one too.
    private static void anOptimisedOneIsHit(TestGuest guest, TestModules modules) throws Exception {
        int offset = -1;
        for (int candidate = 5; candidate < 10 && offset < 0; candidate++) {
            offset = modules.loads(KPROBE, "symbol=vfs_read offset=" + candidate) ? candidate : -1;
        }
        guest.execChecked(
                "until grep -q OPTIMIZED /sys/kernel/debug/kprobes/list; do sleep 0.1; done; cat /proc/uptime");
        assertThat(hits(guest)).isPositive();
        modules.unload(KPROBE);
    }

    /// Where the kernel lets kprobes be set in the door's first bytes.
    private static SortedSet<Long> places(GuestUnderTest guest, TestModules modules) throws Exception {
        SortedSet<Long> places = new TreeSet<>();
        for (int offset = 0; offset < DISPLACED_BYTES; offset++) {
            if (modules.loads(KPROBE, IN_THE_DOOR + " armed=0 offset=" + offset)) {
                places.addAll(List.of(guest.says().kprobes()));
                modules.unload(KPROBE);
            }
        }
        return places;
    }

    private static long hits(TestGuest guest) throws Exception {
        return Long.parseLong(guest.execChecked("cat /sys/module/" + KPROBE + "/parameters/hits")
                .strip());
    }

    private static void traceFunctions(TestGuest guest) throws Exception {
        assertThat(guest.execChecked("cd /sys/kernel/tracing && echo 'vfs_*' > set_ftrace_filter"
                        + " && echo function > current_tracer && cat /proc/uptime > /dev/null && head -n 100 trace;"
                        + " echo nop > current_tracer && echo > set_ftrace_filter"))
                .contains("vfs_read <-");
    }
}
