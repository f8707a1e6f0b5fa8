package dev.plumbline.bench;

import dev.plumbline.bench.MonitorRun.Finding;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestModules;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// How long after a hijacked call its alert can be read from `monitor`.
///
/// A module has hooks for one pointer, which it is told to switch between, so that each can be called for the first
/// time. The command that makes the call writes a word just before: the call is made after the command is sent and,
/// but for the word's way to the host, when the word arrives, both by the clock of the host.
final class Latency {
    static final String HEAD = "| kernel | guest | alerts | since | min | median | p90 | max |\n"
            + "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    private static final String MODULE = "switch_hook";
    private static final String CALL = "echo; echo x > /dev/null";
    private static final int RUNS = 3;
    private static final int HOOKS = 10;
    private static final long LEARN_SECONDS = 10;
    private static final long SETTLE_MILLIS = 3000;
    private static final long LIMIT_SECONDS = 20;
    /// The code is looked at as often; a call may come at any time between.
    private static final long LOOK_MILLIS = 500;

    private final String plumbline;
    private final GuestKernel kernel;
    private final SplittableRandom random = new SplittableRandom(1);

    Latency(String plumbline, GuestKernel kernel) {
        this.plumbline = plumbline;
        this.kernel = kernel;
    }

    /// Milliseconds, in the order they were measured.
    private record Measured(List<Double> sinceSent, List<Double> sinceWord, List<Double> sinceChange) {
        Measured() {
            this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        }
    }

    /// Measures.
    ///
    /// @return lines of a Markdown table
    String measure() throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("plumbline-bench-");
        Path model = directory.resolve("model");
        GuestOptions options = GuestOptions.DEFAULT.withKernel(kernel).withCpus(2);
        try (TestGuest guest = TestGuest.boot("bench-" + ProcessHandle.current().pid(), options)) {
            learn(guest, model);
            guest.exec("cat > /tmp/hook.ko", built());
            guest.execChecked("insmod /tmp/hook.ko");
            Measured idle = new Measured();
            Measured busy = new Measured();
            for (int run = 0; run < RUNS; run++) {
                monitor(guest, model, idle);
                try (RunningCommand _ = guest.start("stress 600")) {
                    monitor(guest, model, busy);
                }
            }
            return rows("idle", idle) + rows("busy", busy);
        } finally {
            Files.deleteIfExists(model);
            Files.deleteIfExists(directory);
        }
    }

    private byte[] built() throws IOException {
        Map<String, byte[]> sources = GuestModules.hidingFile();
        try (InputStream source = Latency.class.getResourceAsStream(MODULE + ".c")) {
            sources.put(MODULE + ".c", source.readAllBytes());
        }
        return GuestModules.ofUser().built(kernel, sources).get(MODULE);
    }

    private void learn(TestGuest guest, Path model) throws IOException, InterruptedException {
        try (LearnRun learn = new LearnRun(plumbline, "qemu:" + guest.name(), model);
                RunningCommand stress = guest.start("stress " + LEARN_SECONDS)) {
            while (stress.running()) {
                guest.execChecked(CALL);
            }
            learn.end();
        }
    }

    private void monitor(TestGuest guest, Path model, Measured measured) throws IOException, InterruptedException {
        switchTo(guest, -1);
        try (MonitorRun monitor = new MonitorRun(plumbline, "qemu:" + guest.name(), model, List.of())) {
            Thread.sleep(SETTLE_MILLIS);
            for (int hook = 0; hook < HOOKS; hook++) {
                detect(guest, monitor, hook, measured);
            }
            monitor.end();
        }
    }

    private void detect(TestGuest guest, MonitorRun monitor, int hook, Measured measured)
            throws IOException, InterruptedException {
        String name = "hook_%d [%s]".formatted(hook, MODULE);
        long changed = System.nanoTime();
        switchTo(guest, hook);
        Finding ofPointer = monitor.await("Integrity", name, LIMIT_SECONDS);
        measured.sinceChange().add(millis(changed, ofPointer));
        Thread.sleep(random.nextLong(LOOK_MILLIS));
        Arrival word = new Arrival();
        long sent = System.nanoTime();
        guest.exec(CALL, new byte[0], word, OutputStream.nullOutputStream());
        Finding ofCall = monitor.await("Edge", name, LIMIT_SECONDS);
        measured.sinceSent().add(millis(sent, ofCall));
        measured.sinceWord().add(millis(word.nanos, ofCall));
    }

    private static double millis(long since, Finding finding) {
        return (finding.nanos() - since) / 1e6;
    }

    private static void switchTo(TestGuest guest, int hook) throws IOException {
        guest.execChecked("echo %d > /sys/module/%s/parameters/hook".formatted(hook, MODULE));
    }

    /// When the first byte came.
    private static final class Arrival extends OutputStream {
        private long nanos;

        @Override
        public void write(int value) {
            nanos = nanos == 0 ? System.nanoTime() : nanos;
        }
    }

    private String rows(String guest, Measured measured) {
        return row(guest, "the command that makes the call was sent", measured.sinceSent())
                + row(guest, "its word just before the call arrived", measured.sinceWord())
                + row(guest, "the command that changes the pointer was sent", measured.sinceChange());
    }

    private String row(String guest, String since, List<Double> millis) {
        System.err.printf(
                "%s, %s, milliseconds since %s: %s%n",
                kernel.series(), guest, since, millis.stream().map(Math::round).toList());
        List<Double> sorted = millis.stream().sorted().toList();
        int count = sorted.size();
        return "| %s | %s | %d | %s | %.0f ms | %.0f ms | %.0f ms | %.0f ms |%n"
                .formatted(
                        kernel.series(),
                        guest,
                        count,
                        since,
                        sorted.getFirst(),
                        sorted.get((count - 1) / 2),
                        sorted.get((count * 9 + 9) / 10 - 1),
                        sorted.getLast());
    }
}
