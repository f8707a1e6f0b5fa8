package dev.plumbline.bench;

import dev.plumbline.bench.MonitorRun.Finding;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What `monitor` says of a guest that nobody attacks: learnt in one boot, monitored in others, at what was learnt and
/// at what was not.
///
/// How many system calls the guest makes is not counted while it is monitored: it makes as many for a round of the work
/// as `learn`, which sees each, has counted in one.
final class FalseAlerts {
    static final String HEAD =
            "| kernel | mode | what the guest does | minutes | system calls | static rule | integrity"
                    + " | set | edge | path |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    private static final List<String> METHODS = List.of("Static rule", "Integrity", "Set", "Edge", "Path");
    private static final List<String> SEVERITIES = List.of("Critical", "High", "Medium", "Low");
    // A guest that patches its own code loses some of it when QEMU 7.2 translates on several threads.
    private static final String[] ONE_THREAD = {"-accel", "tcg,thread=single"};

    private final String plumbline;
    private final GuestKernel kernel;
    private final long learnSeconds;
    private final long monitorSeconds;
    private final List<String> rows = new ArrayList<>();
    private final Map<GuestWork, CallsPer> calls = new EnumMap<>(GuestWork.class);

    /// How many system calls there are in a round, and in a thing of the stress run.
    private record CallsPer(double round, double thing) {
        double in(GuestWork.Amount done) {
            return round * done.rounds() + thing * done.things();
        }
    }

    /// @param monitorSeconds for the work learnt; half of it for other work
    FalseAlerts(String plumbline, GuestKernel kernel, long learnSeconds, long monitorSeconds) {
        this.plumbline = plumbline;
        this.kernel = kernel;
        this.learnSeconds = learnSeconds;
        this.monitorSeconds = monitorSeconds;
    }

    /// Measures.
    ///
    /// @return lines of a Markdown table
    String measure() throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("plumbline-bench-");
        Path model = directory.resolve("model");
        Path other = directory.resolve("other");
        try {
            try (TestGuest guest = boot()) {
                learn(guest, model);
                for (GuestWork work : GuestWork.values()) {
                    calls.put(work, count(guest, work, other));
                }
            }
            try (TestGuest guest = boot()) {
                monitor(guest, model, GuestWork.DAILY, monitorSeconds);
            }
            try (TestGuest guest = boot(ONE_THREAD)) {
                monitor(guest, model, GuestWork.OTHER, monitorSeconds / 2);
                monitor(guest, model, GuestWork.MODULES, monitorSeconds / 4);
            }
            return String.join("", rows);
        } finally {
            Files.deleteIfExists(model);
            Files.deleteIfExists(other);
            Files.deleteIfExists(directory);
        }
    }

    private TestGuest boot(String... extraQemuArguments) throws IOException {
        return TestGuest.boot(
                "bench-" + ProcessHandle.current().pid(),
                GuestOptions.DEFAULT.withKernel(kernel).withCpus(2).withExtraQemuArguments(extraQemuArguments));
    }

    private void learn(TestGuest guest, Path model) throws IOException, InterruptedException {
        try (LearnRun learn = new LearnRun(plumbline, vm(guest), model)) {
            GuestWork.DAILY.work(guest, learnSeconds);
            System.err.println(kernel.series() + ", learnt: " + learn.end());
        }
    }

    private static String vm(TestGuest guest) {
        return "qemu:" + guest.name();
    }

    private CallsPer count(TestGuest guest, GuestWork work, Path scratch) throws IOException, InterruptedException {
        double round = counted(guest, scratch, () -> work.commands(guest).rounds());
        double thing = !work.hasStress()
                ? 0
                : counted(guest, scratch, () -> GuestWork.stress(guest).things());
        System.err.printf(
                "%s, %s: %.0f system calls a round, %.2f a thing of stress%n",
                kernel.series(), work.title(), round, thing);
        return new CallsPer(round, thing);
    }

    private interface Units {
        long done() throws IOException;
    }

    private double counted(TestGuest guest, Path scratch, Units work) throws IOException, InterruptedException {
        Files.deleteIfExists(scratch);
        try (LearnRun learn = new LearnRun(plumbline, vm(guest), scratch)) {
            long units = work.done();
            return learn.end().path("systemCalls").asDouble() / units;
        }
    }

    private void monitor(TestGuest guest, Path model, GuestWork work, long seconds)
            throws IOException, InterruptedException {
        List<String> modes = TraceRun.has(plumbline, "monitor", "--mode=") ? List.of("edge", "full") : List.of("edge");
        for (String mode : modes) {
            List<String> options = new ArrayList<>(List.of("--severity", "low"));
            if (modes.size() > 1) {
                options.addAll(List.of("--mode", mode));
            }
            try (MonitorRun monitor = new MonitorRun(plumbline, vm(guest), model, options)) {
                GuestWork.Amount done = work.work(guest, seconds);
                String summary = monitor.end().toString();
                keep(mode, work, seconds, calls.get(work).in(done), monitor.findings());
                System.err.println(kernel.series() + ", " + work.title() + ": " + done + " " + summary);
            }
        }
    }

    private void keep(String mode, GuestWork work, long seconds, double systemCalls, List<Finding> findings) {
        Map<String, List<String>> cells = new LinkedHashMap<>();
        METHODS.forEach(method -> cells.put(method, new ArrayList<>()));
        for (String severity : SEVERITIES) {
            for (String method : METHODS) {
                List<Finding> found = findings.stream()
                        .filter(each -> each.severity().equals(severity)
                                && each.method().equals(method))
                        .toList();
                if (!found.isEmpty()) {
                    double perMillion = found.size() * 1e6 / systemCalls;
                    cells.get(method)
                            .add((perMillion < 10 ? "%d %s (%.2g)" : "%d %s (%.0f)")
                                    .formatted(found.size(), severity.toLowerCase(Locale.ROOT), perMillion));
                }
            }
        }
        List<String> columns = new ArrayList<>(List.of(
                kernel.series(),
                mode,
                work.title(),
                "%.1f".formatted(seconds / 60.0),
                "%.2f million".formatted(systemCalls / 1e6)));
        cells.values().forEach(cell -> columns.add(cell.isEmpty() ? "0" : String.join(", ", cell)));
        // Edge mode sees no paths.
        if (mode.equals("edge")) {
            Collections.replaceAll(columns.subList(columns.size() - 1, columns.size()), "0", "");
        }
        rows.add("| " + String.join(" | ", columns) + " |\n");
        findings.stream()
                .filter(each -> !each.severity().equals("Low"))
                .forEach(each -> System.err.println(kernel.series() + ", " + work.title() + ": " + each.json()));
    }
}
