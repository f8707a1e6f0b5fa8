package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// A `plumbline learn`.
final class LearnRun implements MeasuredRun {
    private final ProbedRun run;

    /// Starts it, and waits until the probes are set.
    LearnRun(String plumbline, String vm, Path model) throws IOException, InterruptedException {
        run = new ProbedRun(plumbline, List.of("learn", vm, "--model", model.toString(), "--json"));
    }

    @Override
    public double coreSeconds() throws IOException {
        return run.coreSeconds();
    }

    @Override
    public JsonNode end() throws IOException, InterruptedException {
        run.end();
        return run.printed();
    }

    @Override
    public void close() {
        run.close();
    }
}
