package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A `plumbline trace` of all functions. All flows are made; none is printed, since no task has the name that is asked
/// for.
final class TraceRun implements MeasuredRun {
    private final Path output = Files.createTempFile("plumbline-bench-", ".jsonl");
    private final ProbedRun run;

    /// Starts it, and waits until the probes are set.
    TraceRun(String plumbline, String vm, List<String> options) throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("trace", vm, "--comm", "nobody"));
        arguments.addAll(List.of("--format", "jsonl", "-o", output.toString()));
        arguments.addAll(options);
        run = new ProbedRun(plumbline, arguments);
    }

    @Override
    public double coreSeconds() throws IOException {
        return run.coreSeconds();
    }

    @Override
    public JsonNode end() throws IOException, InterruptedException {
        run.end();
        List<String> lines = Files.readAllLines(output);
        if (lines.isEmpty()) {
            throw new IOException("plumbline trace left no summary: " + run.everythingSaid());
        }
        return new ObjectMapper().readTree(lines.getLast()).path("summary");
    }

    /// Whether a command has an option.
    static boolean has(String plumbline, String command, String option) throws IOException {
        Process help = new ProcessBuilder(plumbline, command, "--help").start();
        try (BufferedReader lines = help.inputReader()) {
            return lines.lines().toList().stream().anyMatch(line -> line.contains(option));
        }
    }

    @Override
    public void close() throws IOException {
        run.close();
        Files.deleteIfExists(output);
    }
}
