package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.probe.inline.EmptyProbes;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What tracing costs a guest that runs the fixed loop of system calls, and the monitor host. Each round runs the loop
/// without probes, with calls that return at once, with probes in each mode, monitored by a model of it, and with the
/// kernel's own function tracer, one after the other.
public final class Tracing implements AutoCloseable {
    private static final String TRACER = "echo %s >/sys/kernel/tracing/current_tracer";
    private static final double LOOP_SECONDS = 2;
    private static final double LEARN_SECONDS = 10;
    // What a run has next to nothing to do for takes long to be compiled on this side.
    private static final int LONG_WARM_UP = 5;
    /// Of monitoring, which computes little: for 50 s much of it is the JVM's compiling.
    private static final int MONITOR_WARM_UP = 25;
    private static final double STEADY_SECONDS = 30;

    private final String plumbline;
    private final Path directory;
    private final TestGuest guest;
    private final Stops stops;
    private final Path model;
    private final Map<String, List<Double>> measured = new LinkedHashMap<>();

    private Tracing(String plumbline, String kernel, String kernelArguments) throws IOException {
        this.plumbline = plumbline;
        directory = Files.createTempDirectory("plumbline-bench-");
        Path socket = directory.resolve("qmp");
        GuestOptions options = GuestOptions.DEFAULT
                .withKernel(GuestKernel.ofSeries(kernel).orElseThrow())
                .withAppend(kernelArguments)
                .withExtraQemuArguments("-qmp", "unix:" + socket + ",server=on,wait=off");
        guest = TestGuest.boot("bench-" + ProcessHandle.current().pid(), options);
        stops = new Stops(socket);
        model = directory.resolve("model");
    }

    /// Prints a line for each figure: its name, a tab, the median of all rounds.
    ///
    /// @param arguments the launcher, the kernel's series, how many rounds, maybe arguments for the guest's kernel
    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[2]);
        String kernelArguments = arguments.length > 3 ? arguments[3] : "";
        try (Tracing tracing = new Tracing(arguments[0], arguments[1], kernelArguments)) {
            tracing.learn();
            for (int round = 0; round < rounds; round++) {
                tracing.round();
            }
            tracing.measured.forEach((name, values) -> System.out.printf("%s\t%.4f%n", name, median(values)));
            tracing.recorder();
        }
    }

    static double median(List<Double> values) {
        return values.stream().sorted().toList().get((values.size() - 1) / 2);
    }

    private void learn() throws IOException, InterruptedException {
        try (LearnRun learn = new LearnRun(plumbline, vm(), model)) {
            loop(LEARN_SECONDS);
            learn.end();
        }
    }

    private String vm() {
        return "qemu:" + guest.name();
    }

    private void round() throws IOException, InterruptedException {
        double none = loop().micros();
        keep("none", none);
        try (EmptyProbes _ = new EmptyProbes(guest.qmpSocket())) {
            loop();
            double empty = loop().micros();
            keep("empty", empty);
            keep("empty ratio", empty / none);
        }
        double full = mode("full", trace(), none);
        mode("edge", trace("--mode", "edge"), none);
        monitor(none);
        mode("lossless", trace("--mode", "lossless"), none);
        keep("checks to full", mode("checks", trace("--check-indirect"), none) / full);
        guest.execChecked(TRACER.formatted("function"));
        double tracer = loop().micros();
        guest.execChecked(TRACER.formatted("nop"));
        keep("tracer", tracer);
        keep("tracer ratio", tracer / none);
        keep("added ratio", (tracer - none) / (full - none));
    }

    private void keep(String name, double value) {
        measured.computeIfAbsent(name, _ -> new ArrayList<>()).add(value);
    }

    private interface Start {
        MeasuredRun start() throws IOException, InterruptedException;
    }

    private Start trace(String... options) {
        return () -> new TraceRun(plumbline, vm(), List.of(options));
    }

    private double mode(String mode, Start start, double none) throws IOException, InterruptedException {
        stops.soFar();
        try (MeasuredRun run = start.start()) {
            keepPauses(mode + " arm");
            // The first loops warm both sides up.
            long iterations = 0;
            for (int warmUp = mode.equals("edge") ? LONG_WARM_UP : 1; warmUp > 0; warmUp--) {
                iterations += loop().iterations();
            }
            double before = run.coreSeconds();
            Loop loop = loop();
            double host = run.coreSeconds() - before;
            iterations += loop.iterations();
            stops.soFar();
            JsonNode summary = run.end();
            keepPauses(mode + " disarm");
            double events =
                    summary.path("events").asDouble() + summary.path("dropped").asDouble();
            keep(mode, loop.micros());
            keep(mode + " ratio", loop.micros() / none);
            keep(mode + " host", host / loop.coreSeconds());
            keep(mode + " dropped", summary.path("dropped").asDouble());
            keep(mode + " events", events / iterations);
            keep(mode + " rate", events / iterations / loop.micros());
            // In edge mode there are next to none.
            if (events > iterations) {
                keep(mode + " event nanos", (loop.micros() - none) * 1e3 * iterations / events);
            }
            return loop.micros();
        }
    }

    // It looks after code four times in three seconds whatever the guest does: its share of a core is one of the time
    // that passes.
    private void monitor(double none) throws IOException, InterruptedException {
        try (MonitorRun monitor = new MonitorRun(plumbline, vm(), model, List.of())) {
            for (int warmUp = MONITOR_WARM_UP; warmUp > 0; warmUp--) {
                loop();
            }
            double before = monitor.coreSeconds();
            long start = System.nanoTime();
            Loop loop = loop(STEADY_SECONDS);
            double seconds = (System.nanoTime() - start) / 1e9;
            keep("monitor host", (monitor.coreSeconds() - before) / seconds);
            keep("monitor", loop.micros());
            keep("monitor ratio", loop.micros() / none);
            keep("monitor dropped", monitor.end().path("dropped").asDouble());
        }
    }

    private void keepPauses(String when) throws IOException {
        Stops.Paused paused = stops.soFar();
        keep(when + " longest", paused.longest());
        keep(when + " total", paused.total());
    }

    /// @param coreSeconds of QEMU
    private record Loop(long iterations, double coreSeconds) {
        double micros() {
            return coreSeconds * 1e6 / iterations;
        }
    }

    // What QEMU has computed is what the loop takes where nobody else computes, and is that where somebody does.
    private Loop loop() throws IOException {
        return loop(LOOP_SECONDS);
    }

    private Loop loop(double seconds) throws IOException {
        double before = CoreTime.seconds(guest.pid());
        String[] words =
                guest.execChecked("syscall-loop %.0fs".formatted(seconds)).split(" ");
        return new Loop(Long.parseLong(words[0]), CoreTime.seconds(guest.pid()) - before);
    }

    private void recorder() throws IOException, InterruptedException {
        try (TraceRun _ = new TraceRun(plumbline, vm(), List.of())) {
            // The trace has the guest's monitor; this reads its memory over the other one.
            stops.close();
            System.out.printf("instructions\t%d%n", RecorderCode.instructions(directory.resolve("qmp")));
        }
    }

    @Override
    public void close() throws IOException {
        stops.close();
        guest.close();
        Files.deleteIfExists(model);
        Files.deleteIfExists(directory.resolve("qmp"));
        Files.deleteIfExists(directory);
    }
}
