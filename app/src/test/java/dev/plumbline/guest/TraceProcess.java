package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// `plumbline trace` as a process of its own, with its guard, until it is told to end.
///
/// @param process the process
/// @param says the file with what it writes to standard error
/// @param flows the file with its flows, as JSON lines
record TraceProcess(Process process, Path says, Path flows) implements AutoCloseable {
    private static final long LIMIT_SECONDS = 120;

    /// Starts it from the classes under test, and waits until it traces.
    ///
    /// @param systemCall whose flows it writes
    /// @param comm of which tasks
    static TraceProcess start(GuestUnderTest guest, Path directory, String systemCall, String comm) throws Exception {
        Path says = Files.createTempFile(directory, "says", "");
        Path flows = Files.createTempFile(directory, "flows", "");
        Process process = new ProcessBuilder(
                        new LauncherForTests(directory).launcher().toString(),
                        "trace",
                        guest.vm(),
                        "--syscall",
                        systemCall,
                        "--comm",
                        comm,
                        "--format",
                        "jsonl",
                        "-o",
                        flows.toString())
                .redirectOutput(Redirect.DISCARD)
                .redirectError(says.toFile())
                .start();
        TraceProcess trace = new TraceProcess(process, says, flows);
        trace.await("tracing", 1);
        return trace;
    }

    /// How many lines hold this text so far.
    long said(String text) throws IOException {
        return Files.readAllLines(says).stream()
                .filter(line -> (" " + line).contains(text))
                .count();
    }

    /// Waits until that many lines hold this text.
    void await(String text, long lines) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (said(text) < lines) {
            assertThat(process.isAlive() && System.nanoTime() < deadline)
                    .as("waiting for '%s', it says %s", text, Files.readAllLines(says))
                    .isTrue();
            Thread.sleep(20);
        }
    }

    /// Ends it orderly.
    ///
    /// @return what it said
    List<String> end() throws Exception {
        List<String> lines = endAnyhow();
        assertThat(lines.getLast()).endsWith("every probe is out");
        return lines;
    }

    /// Ends it, be it that it cannot take everything out.
    ///
    /// @return what it said
    List<String> endAnyhow() throws Exception {
        process.destroy();
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        return Files.readAllLines(says);
    }

    /// Kills it as nothing can be caught.
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /// Kills it, should it still run.
    @Override
    public void close() {
        process.destroyForcibly();
    }
}
