package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A `plumbline monitor` that prints JSON lines. For one thread.
final class MonitorRun implements MeasuredRun {
    private static final int CREATE = 1;

    private final ProbedRun run;

    /// An alert as it was told the first time.
    ///
    /// @param nanos when its line had been read, by [System#nanoTime]
    record Finding(JsonNode json, long nanos) {
        String severity() {
            return json.path("severity").asText();
        }

        /// What it was found by.
        String method() {
            return json.path("finding_info").path("types").path(0).asText();
        }

        String message() {
            return json.path("message").asText();
        }
    }

    /// Starts it, and waits until the probes are set.
    MonitorRun(String plumbline, String vm, Path model, List<String> options) throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("monitor", vm, "--model", model.toString(), "--json"));
        arguments.addAll(options);
        run = new ProbedRun(plumbline, arguments);
    }

    /// Waits for an alert; those before it are dropped.
    ///
    /// @param method what it is to be found by
    /// @param named what its message is to hold
    Finding await(String method, String named, long limitSeconds) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(limitSeconds);
        while (true) {
            ProbedRun.Line line = run.output().poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (line == null) {
                throw new IOException("no alert by %s names %s within %d s; monitor said: %s"
                        .formatted(method, named, limitSeconds, run.everythingSaid()));
            }
            Finding finding = new Finding(line.json(), line.nanos());
            if (isFirst(finding.json())
                    && finding.method().equals(method)
                    && finding.message().contains(named)) {
                return finding;
            }
        }
    }

    private static boolean isFirst(JsonNode line) {
        return line.path("activity_id").asInt() == CREATE;
    }

    @Override
    public double coreSeconds() throws IOException {
        return run.coreSeconds();
    }

    @Override
    public JsonNode end() throws IOException, InterruptedException {
        run.end();
        JsonNode summary = null;
        for (ProbedRun.Line line : run.output()) {
            summary = line.json().path("summary");
        }
        if (summary == null || summary.isMissingNode()) {
            throw new IOException("plumbline monitor printed no summary: " + run.everythingSaid());
        }
        return summary;
    }

    /// The alerts that nobody has waited for, each once. To be asked when it has ended.
    List<Finding> findings() throws IOException {
        List<Finding> findings = new ArrayList<>();
        for (ProbedRun.Line line : run.output()) {
            JsonNode json = line.json();
            if (isFirst(json)) {
                findings.add(new Finding(json, line.nanos()));
            }
        }
        return findings;
    }

    @Override
    public void close() {
        run.close();
    }
}
