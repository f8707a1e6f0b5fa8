package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/// A command of `plumbline` that sets probes, in a process of its own, as a user runs it.
final class ProbedRun implements AutoCloseable {
    private static final String READY = "probes are set";

    private final Process process;
    private final BlockingQueue<Line> output = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> said = new LinkedBlockingQueue<>();
    private final CountDownLatch heard = new CountDownLatch(1);
    private final List<Thread> readers;
    private volatile boolean isReady;

    /// A line of its standard output.
    ///
    /// @param nanos when it was read, by [System#nanoTime]
    record Line(String text, long nanos) {
        JsonNode json() throws IOException {
            return new ObjectMapper().readTree(text);
        }
    }

    /// Starts it, and waits until the probes are set.
    ///
    /// @param plumbline the launcher
    ProbedRun(String plumbline, List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(plumbline));
        command.addAll(arguments);
        process = new ProcessBuilder(command).start();
        readers = List.of(
                reader(process.inputReader(), line -> output.add(new Line(line, System.nanoTime())), () -> {}),
                reader(process.errorReader(), this::hear, heard::countDown));
        heard.await();
        if (!isReady) {
            close();
            throw new IOException("plumbline " + String.join(" ", arguments) + " ended: " + everythingSaid());
        }
    }

    private static Thread reader(BufferedReader from, Consumer<String> to, Runnable atEnd) {
        return Thread.ofPlatform().daemon().start(() -> {
            try (from) {
                from.lines().forEach(to);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                atEnd.run();
            }
        });
    }

    private void hear(String line) {
        said.add(line);
        if (line.contains(READY)) {
            isReady = true;
            heard.countDown();
        }
    }

    /// Its standard output, of which whoever reads it takes.
    BlockingQueue<Line> output() {
        return output;
    }

    /// What it has said on standard error.
    String everythingSaid() {
        return String.join("\n", said);
    }

    /// Seconds of a core that it has used so far.
    double coreSeconds() throws IOException {
        return CoreTime.seconds(process.pid());
    }

    /// Ends it as Ctrl-C does, and waits until the probes are out and everything it has said has been read.
    void end() throws InterruptedException {
        process.toHandle().destroy();
        for (Thread reader : readers) {
            reader.join();
        }
        process.waitFor();
    }

    /// The JSON object that it has printed.
    JsonNode printed() throws IOException {
        String text = output.stream().map(Line::text).collect(Collectors.joining("\n"));
        if (text.isEmpty()) {
            throw new IOException("plumbline printed no result: " + everythingSaid());
        }
        return new ObjectMapper().readTree(text);
    }

    @Override
    public void close() {
        process.toHandle().destroy();
        process.onExit().join();
    }
}
