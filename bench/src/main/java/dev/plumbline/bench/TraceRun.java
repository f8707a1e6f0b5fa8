package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A `plumbline trace` of all functions in a process of its own, as a user runs it. All flows are made; none is
/// printed, since no task has the name that is asked for.
final class TraceRun implements AutoCloseable {
    private final Path output = Files.createTempFile("plumbline-bench-", ".jsonl");
    private final Process process;
    private final BufferedReader says;

    /// Starts it, and waits until the probes are set.
    TraceRun(String plumbline, String vm, List<String> options) throws IOException {
        List<String> command = new ArrayList<>(List.of(plumbline, "trace", vm, "--comm", "nobody"));
        command.addAll(List.of("--format", "jsonl", "-o", output.toString()));
        command.addAll(options);
        process = new ProcessBuilder(command).start();
        says = process.errorReader();
        StringBuilder said = new StringBuilder();
        for (String line = ""; !line.contains("probes are set"); ) {
            line = says.readLine();
            if (line == null) {
                throw new IOException("plumbline trace ended: " + said);
            }
            said.append(line).append('\n');
        }
    }

    /// Seconds of a core that it has used so far.
    double coreSeconds() throws IOException {
        return CoreTime.seconds(process.pid());
    }

    /// Ends it as Ctrl-C does, and waits until the probes are out.
    ///
    /// @return its summary
    JsonNode end() throws IOException, InterruptedException {
        process.toHandle().destroy();
        while (says.readLine() != null) {
            // to its end
        }
        process.waitFor();
        List<String> lines = Files.readAllLines(output);
        if (lines.isEmpty()) {
            throw new IOException("plumbline trace left no summary");
        }
        return new ObjectMapper().readTree(lines.getLast()).path("summary");
    }

    /// Whether a trace has an option.
    static boolean has(String plumbline, String option) throws IOException {
        Process help = new ProcessBuilder(plumbline, "trace", "--help").start();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(help.getInputStream()))) {
            return lines.lines().toList().stream().anyMatch(line -> line.contains(option));
        }
    }

    @Override
    public void close() throws IOException {
        process.toHandle().destroy();
        process.onExit().join();
        Files.deleteIfExists(output);
    }
}
