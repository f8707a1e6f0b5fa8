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
/// without probes, with calls that return at once, with probes in each mode, and with the kernel's own function tracer,
/// one after the other.
public final class Tracing implements AutoCloseable {
    private static final String TRACER = "echo %s >/sys/kernel/tracing/current_tracer";
    private static final double LOOP_SECONDS = 2;

    private final String plumbline;
    private final Path directory;
    private final TestGuest guest;
    private final Stops stops;
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
    }

    /// Prints a line for each figure: its name, a tab, the median of all rounds.
    ///
    /// @param arguments the launcher, the kernel's series, how many rounds, maybe arguments for the guest's kernel
    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[2]);
        String kernelArguments = arguments.length > 3 ? arguments[3] : "";
        try (Tracing tracing = new Tracing(arguments[0], arguments[1], kernelArguments)) {
            for (int round = 0; round < rounds; round++) {
                tracing.round();
            }
            tracing.measured.forEach((name, values) -> System.out.printf("%s\t%.4f%n", name, median(values)));
            tracing.recorder();
        }
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get((values.size() - 1) / 2);
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
        double full = mode("full", List.of(), none);
        if (TraceRun.has(plumbline, "--mode")) {
            mode("edge", List.of("--mode", "edge"), none);
            mode("lossless", List.of("--mode", "lossless"), none);
        }
        if (TraceRun.has(plumbline, "--check-indirect")) {
            keep("checks to full", mode("checks", List.of("--check-indirect"), none) / full);
        }
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

    private double mode(String mode, List<String> options, double none) throws IOException, InterruptedException {
        stops.soFar();
        try (TraceRun trace = new TraceRun(plumbline, "qemu:" + guest.name(), options)) {
            keepPauses(mode + " arm");
            // The first loops warm both sides up: this side longer where it has next to nothing to do.
            long iterations = 0;
            for (int warmUp = mode.equals("edge") ? 5 : 1; warmUp > 0; warmUp--) {
                iterations += loop().iterations();
            }
            double before = trace.coreSeconds();
            Loop loop = loop();
            double host = trace.coreSeconds() - before;
            iterations += loop.iterations();
            stops.soFar();
            JsonNode summary = trace.end();
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
        double before = CoreTime.seconds(guest.pid());
        String[] words =
                guest.execChecked("syscall-loop %.0fs".formatted(LOOP_SECONDS)).split(" ");
        return new Loop(Long.parseLong(words[0]), CoreTime.seconds(guest.pid()) - before);
    }

    private void recorder() throws IOException, InterruptedException {
        try (TraceRun _ = new TraceRun(plumbline, "qemu:" + guest.name(), List.of())) {
            // The trace has the guest's monitor; this reads its memory over the other one.
            stops.close();
            System.out.printf("instructions\t%d%n", RecorderCode.instructions(directory.resolve("qmp")));
        }
    }

    @Override
    public void close() throws IOException {
        stops.close();
        guest.close();
        Files.deleteIfExists(directory.resolve("qmp"));
        Files.deleteIfExists(directory);
    }
}
