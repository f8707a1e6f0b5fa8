package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// `trace` as a process of its own, with the guard beside it.
@Tag("guest")
@Timeout(300)
class TraceGuestTest {
    private static final long SEED = 20_260_101;
    private static final int KILLS = 4;
    private static final int LATEST_KILL_MILLIS = 5_000;
    private static final long GUARD_MILLIS = 100_000;

    @TempDir
    private Path directory;

    private LauncherForTests.Command start(String... arguments) throws IOException {
        return new LauncherForTests(directory).start(arguments);
    }

    // A guest's own clock and the time stamp counter tell the same, but for what the clock's rate is corrected by.
    private void timesAreThoseOfTheGuest(GuestUnderTest guest) throws Exception {
        Path file = directory.resolve("times");
        try (RunningCommand _ = guest.guest().start("while :; do sleep 0.2; done")) {
            LauncherForTests.Command trace = start(
                    "trace",
                    guest.vm(),
                    "--syscall",
                    "clock_nanosleep",
                    "--for",
                    "4s",
                    "--times",
                    "--format",
                    "jsonl",
                    "-o",
                    file.toString());
            assertThat(trace.process().waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(trace.process().exitValue()).isZero();
        }
        List<JsonNode> ended = new ArrayList<>();
        for (JsonNode flow : CommandRun.jsonLines(Files.readString(file))) {
            if (flow.path("whole").asBoolean() && flow.path("ended").asBoolean()) {
                ended.add(flow.path("calls"));
            }
        }
        assertThat(ended).isNotEmpty().allSatisfy(calls -> {
            assertThat(calls.path(0).path("micros").asDouble()).isZero();
            List<Double> micros = new ArrayList<>();
            calls.forEach(call -> micros.add(call.path("micros").asDouble()));
            assertThat(micros).isSorted();
            assertThat(calls.path(calls.size() - 1).path("micros").asDouble()).isGreaterThan(198_000);
        });
    }

    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void flowsAreThoseOfTheProgram(GuestKernel version) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(2))) {
            try (RunningCommand _ = guest.guest().start("syscall-loop 60s")) {
                callsAreThoseOfTheProgram(guest);
            }
            timesAreThoseOfTheGuest(guest);
        }
    }

    private void callsAreThoseOfTheProgram(GuestUnderTest guest) throws Exception {
        Path file = directory.resolve("flows");
        LauncherForTests.Command trace = start(
                "trace",
                guest.vm(),
                "--syscall",
                "getppid",
                "--comm",
                "syscall-loop",
                "--for",
                "1s",
                "--format",
                "jsonl",
                "-o",
                file.toString());
        assertThat(trace.process().waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(trace.process().exitValue()).isZero();
        List<JsonNode> lines = CommandRun.jsonLines(Files.readString(file));
        JsonNode summary = lines.removeLast().path("summary");
        assertThat(summary.path("flows").asInt()).isEqualTo(lines.size()).isPositive();
        assertThat(lines)
                .filteredOn(flow -> flow.path("whole").asBoolean())
                .isNotEmpty()
                .allSatisfy(flow -> {
                    assertThat(flow.path("syscall").asText()).isEqualTo("getppid");
                    assertThat(flow.path("comm").asText()).isEqualTo("syscall-loop");
                    assertThat(flow.path("calls").path(0).path("function").asText())
                            .isEqualTo("__x64_sys_getppid");
                    assertThat(flow.path("calls")).anySatisfy(call -> {
                        assertThat(call.path("function").asText()).isEqualTo("__task_pid_nr_ns");
                        assertThat(call.path("depth").asInt()).isEqualTo(1);
                        assertThat(call.path("caller").asText()).startsWith("__x64_sys_getppid+0x");
                        assertThat(call.path("indirect").asBoolean()).isFalse();
                    });
                });
    }

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void aKilledTraceIsTakenOutByItsGuard(GuestKernel version) throws Exception {
        Random random = new Random(SEED);
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(2));
                RunningCommand stress = guest.guest().start("stress 240")) {
            List<CodeRegion> before = guest.read(kernel -> kernel.code().regions());
            String log = guest.console();
            for (int kill = 0; kill < KILLS; kill++) {
                LauncherForTests.Command trace = start("trace", guest.vm(), "--for", "60s", "-o", "/dev/null");
                int millis = random.nextInt(LATEST_KILL_MILLIS);
                Thread.sleep(millis);
                trace.process().destroyForcibly().waitFor();
                awaitUnchanged(guest, before, "kill %d after %d ms, seed %d".formatted(kill, millis, SEED));
                assertThat(guest.guest().execChecked("echo alive").strip()).isEqualTo("alive");
            }
            assertThat(stress.running()).isTrue();
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void aGuestThatRebootsOrEndsWhileTracedIsOneLine(GuestKernel version) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(2))) {
            LauncherForTests.Command trace = start("trace", guest.vm(), "--for", "120s", "-o", "/dev/null");
            trace.awaitError("tracing");
            guest.guest().reboot();
            assertEndsInOneLine(trace);
            assertThat(guest.guest().execChecked("echo alive").strip()).isEqualTo("alive");
            trace = start("trace", guest.vm(), "--for", "120s", "-o", "/dev/null");
            trace.awaitError("tracing");
            ProcessHandle.of(guest.guest().pid()).orElseThrow().destroyForcibly();
            assertEndsInOneLine(trace);
        }
    }

    private static void assertEndsInOneLine(LauncherForTests.Command trace) throws Exception {
        assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        List<String> lines = trace.errorLines();
        assertThat(trace.process().exitValue()).as(lines.toString()).isEqualTo(1);
        assertThat(lines).hasSize(2);
        assertThat(lines.getLast()).startsWith("plumbline: ").doesNotContain("internal fault");
    }

    private static void awaitUnchanged(GuestUnderTest guest, List<CodeRegion> before, String when) throws Exception {
        long deadline = System.currentTimeMillis() + GUARD_MILLIS;
        while (!guardIsGone(guest) || guest.read(kernel -> changed(kernel, before))) {
            assertThat(System.currentTimeMillis()).as(when).isLessThan(deadline);
            Thread.sleep(200);
        }
    }

    // One client at a time can use the monitor, so looking too early would keep the guard from its work.
    private static boolean guardIsGone(GuestUnderTest guest) {
        return ProcessHandle.allProcesses()
                .map(process -> process.info().commandLine().orElse(""))
                .noneMatch(line -> line.contains(guest.vm()) && line.contains("detach"));
    }

    private static boolean changed(LinuxKernel kernel, List<CodeRegion> before) throws GuestException {
        List<CodeRegion> now = kernel.code().regions();
        for (int i = 0; i < before.size(); i++) {
            if (before.get(i).bytes().mismatch(now.get(i).bytes()) != -1) {
                return true;
            }
        }
        return now.size() != before.size();
    }
}
