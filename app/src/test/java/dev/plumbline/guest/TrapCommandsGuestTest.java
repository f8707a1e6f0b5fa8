package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `--engine trap` of the commands.
@Tag("guest")
@Timeout(400)
class TrapCommandsGuestTest {
    private static final long SEED = 20261126;
    private static final int KILLS = 5;
    private static final String LIST = "ls /etc";
    private static final String[] OF_LIST = {"--syscall", "getdents64", "--comm", "ls"};

    @TempDir
    private Path directory;

    private GuestUnderTest guest;
    private KernelText before;

    @BeforeEach
    void boot() throws Exception {
        guest = GuestUnderTest.boot(GuestOptions.DEFAULT.withExtraQemuArguments(GuestUnderTest.ONE_THREAD));
        guest.guest().execChecked(LIST);
        before = KernelText.of(guest);
    }

    @AfterEach
    void end() throws Exception {
        before.assertBack(guest);
        assertThat(guest.console()).doesNotContain("BUG:", "WARNING:", "Oops", "stall");
        guest.close();
    }

    private LauncherForTests.Command start(String... arguments) throws Exception {
        LauncherForTests.Command command = new LauncherForTests(directory).start(arguments);
        command.awaitError("tracing");
        return command;
    }

    private List<String> trace(String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("trace", guest.vm()));
        arguments.addAll(List.of(OF_LIST));
        arguments.addAll(List.of(options));
        LauncherForTests.Command trace = start(arguments.toArray(String[]::new));
        guest.guest().execChecked(LIST);
        trace.process().destroy();
        assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(trace.errorLines().getLast()).endsWith("every probe is out");
        return LauncherForTests.outLines(trace);
    }

    // Without the process's number, and without what touch_atime calls: that depends on whether a tick has passed.
    private static String tree(List<String> lines) {
        List<String> kept = new ArrayList<>();
        int folded = Integer.MAX_VALUE;
        for (String line : lines) {
            String call = line.substring(line.indexOf('|') + 1).stripLeading();
            int depth = line.length() - call.length();
            boolean isInside = depth > folded || depth == folded && call.startsWith("}");
            if (line.contains("|") && !isInside) {
                boolean isFolded = call.startsWith("touch_atime(");
                folded = isFolded ? depth : Integer.MAX_VALUE;
                kept.add(line.substring(line.indexOf('|'), depth) + (isFolded ? "touch_atime()" : call));
            }
        }
        return String.join("\n", kept);
    }

    @Test
    void treesLookTheSame() throws Exception {
        String inline = tree(trace("--whitelist", "shipped"));
        String trap = tree(trace("--engine", "trap"));
        for (int again = 0; again < 3 && !trap.equals(inline); again++) {
            // A tick may have come in between.
            inline = tree(trace("--whitelist", "shipped"));
            trap = tree(trace("--engine", "trap"));
        }
        assertThat(trap).isEqualTo(inline).contains("__x64_sys_getdents64() {", "iterate_dir() {");
    }

    @Test
    void aKprobeOfTheGuestsOwnGoesOnCounting() throws Exception {
        String tracing = "cd /sys/kernel/tracing && ";
        guest.guest()
                .execChecked(tracing + "echo 'p:entry iterate_dir' > kprobe_events"
                        + " && echo 'p:inside iterate_dir+5' >> kprobe_events"
                        + " && echo 1 > events/kprobes/enable");
        LauncherForTests.Command trace = start("trace", guest.vm(), "--engine", "trap", "--syscall", "getdents64");
        guest.guest().execChecked("for i in 1 2 3 4 5; do " + LIST + "; done > /dev/null");
        trace.process().destroy();
        assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(LauncherForTests.outLines(trace).stream()
                        .filter(line -> line.endsWith("  __x64_sys_getdents64() {")))
                .hasSize(10);
        List<String> counts = guest.guest()
                .execChecked(tracing + "cat kprobe_profile")
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .toList();
        guest.guest().execChecked(tracing + "echo 0 > events/kprobes/enable && echo > kprobe_events");
        assertThat(counts).containsExactly("entry 10 0", "inside 10 0");
    }

    @Tag("all")
    @Test
    void whoIsKilledLeavesNothing() throws Exception {
        Random random = new Random(SEED);
        try (RunningCommand work = guest.guest().start("while :; do " + LIST + "; done > /dev/null")) {
            for (int kill = 0; kill < KILLS; kill++) {
                LauncherForTests.Command trace =
                        start("trace", guest.vm(), "--engine", "trap", "--syscall", "getdents64,openat");
                Thread.sleep(random.nextInt(1500));
                trace.process().destroyForcibly().waitFor();
                KernelText.awaitUnguarded(guest);
                assertThat(guest.guest().execChecked("echo alive")).isEqualTo("alive\n");
                assertThat(work.running()).isTrue();
            }
        }
    }

    @Tag("all")
    @Test
    void modelsOfOneEngineServeTheOther() throws Exception {
        Path inline = directory.resolve("inline");
        Path trap = directory.resolve("trap");
        learn("--model", inline.toString());
        learn("--model", trap.toString(), "--engine", "trap", "--syscall", "getdents64");
        assertThat(monitor("--model", inline.toString(), "--engine", "trap", "--syscall", "getdents64"))
                .isEmpty();
        // Interrupts, which trap probes do not see, may run code of modules that took no part in the learnt calls.
        assertThat(monitor("--model", trap.toString()))
                .noneMatch(line -> line.contains("HIGH") || line.contains("CRITICAL") || line.contains("getdents64"));

        TestModules modules = AttackModule.built(guest.guest(), GuestKernel.V6_1);
        LauncherForTests.Command alarmed = start(
                "monitor",
                guest.vm(),
                "--model",
                inline.toString(),
                "--engine",
                "trap",
                "--syscall",
                "getdents64",
                "--for",
                "12s");
        AttackModule.HIDE_FILE.load(modules);
        alarmed.awaitError("modules have come");
        guest.guest().execChecked(LIST + "; ls /tmp");
        assertThat(alarmed.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(LauncherForTests.outLines(alarmed))
                .anyMatch(line -> line.matches("HIGH +iterate_dir\\+0x\\w+ calls list_without \\[hide_file].*"));
        AttackModule.HIDE_FILE.unload(modules);
    }

    private void learn(String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("learn", guest.vm(), "--for", "8s"));
        arguments.addAll(List.of(options));
        LauncherForTests.Command learn = start(arguments.toArray(String[]::new));
        while (learn.process().isAlive()) {
            guest.guest().execChecked(LIST + "; ls /tmp");
        }
        assertThat(learn.process().exitValue())
                .as(learn.errorLines().toString())
                .isZero();
    }

    // Alerts, without the summary.
    private List<String> monitor(String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("monitor", guest.vm(), "--for", "5s"));
        arguments.addAll(List.of(options));
        LauncherForTests.Command monitor = start(arguments.toArray(String[]::new));
        guest.guest().execChecked(LIST + "; ls /tmp");
        assertThat(monitor.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        List<String> lines = LauncherForTests.outLines(monitor);
        assertThat(lines.getLast()).startsWith("# alerts: ");
        return lines.subList(0, lines.size() - 1);
    }
}
