package dev.plumbline.command;

import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.report.AlertFormat;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Runs a shell command for each alert, with the alert as JSON on its standard input. What it prints goes to our
/// standard error, whichever way. A few run at a time, and others wait.
final class AlertCommand implements AutoCloseable {
    private static final int AT_A_TIME = 2;
    private static final int MOST_WAITING = 100;

    private final String command;
    private final AlertFormat json;
    private final Consumer<String> log;
    private final Duration longest;
    private final ThreadPoolExecutor threads;

    /// @param json what the command gets
    /// @param log told, in a line, when a command fails
    /// @param longest when it is ended
    AlertCommand(String command, AlertFormat json, Consumer<String> log, Duration longest) {
        this.command = command;
        this.json = json;
        this.log = log;
        this.longest = longest;
        this.threads = new ThreadPoolExecutor(
                AT_A_TIME,
                AT_A_TIME,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MOST_WAITING),
                Thread.ofPlatform().daemon().name("alert command").factory());
    }

    /// Whether the program that a command begins with is there: a word misspelt would else be found out at the first
    /// alert. Where a command does not begin with a plain word, nobody can tell.
    ///
    /// @throws IOException if there is no shell
    static boolean isThere(String command) throws IOException, InterruptedException {
        String first = command.strip().split("\\s", 2)[0];
        return !first.matches("[A-Za-z0-9_./+-]*")
                || new ProcessBuilder("sh", "-c", "command -v \"$1\"", "sh", first)
                                .redirectOutput(Redirect.DISCARD)
                                .redirectError(Redirect.DISCARD)
                                .start()
                                .waitFor()
                        == 0;
    }

    void start(RaisedAlert alert) {
        String title = alert.alert().title();
        try {
            threads.execute(() -> run(title, json.alert(alert)));
        } catch (RejectedExecutionException _) {
            fail(title, "is not run: %d are waiting already".formatted(MOST_WAITING));
        }
    }

    private void run(String title, String input) {
        try {
            Process process = new ProcessBuilder("sh", "-c", "exec >&2; eval \"$1\"", "sh", command)
                    .redirectError(Redirect.INHERIT)
                    .start();
            // Also ends a command that does not read what it is told.
            CompletableFuture<Process> ended = process.onExit()
                    .orTimeout(longest.toMillis(), TimeUnit.MILLISECONDS)
                    .whenComplete((_, _) -> end(process));
            tell(process, input);
            verify(title, process, ended);
        } catch (IOException e) {
            fail(title, "cannot be run: " + e.getMessage());
        }
    }

    private void verify(String title, Process process, CompletableFuture<Process> ended) {
        try {
            int status = ended.join().exitValue();
            if (status != 0) {
                fail(title, "failed with code " + status);
            }
        } catch (CompletionException _) {
            // A moment after it was killed.
            process.onExit()
                    .completeOnTimeout(process, longest.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
            fail(title, "was ended after %.1f s".formatted(longest.toMillis() / 1e3));
        }
    }

    private static void end(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    // A command need not read it; what it has to say is its exit code.
    private static void tell(Process process, String input) {
        try (OutputStream pipe = process.getOutputStream()) {
            pipe.write(input.getBytes(StandardCharsets.UTF_8));
        } catch (IOException _) {
            // It has closed its input, or ended.
        }
    }

    private void fail(String title, String what) {
        log.accept("the command for the alert \"%s\" %s".formatted(title, what));
    }

    /// Waits for those that run, for as long as one may.
    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(longest.toMillis(), TimeUnit.MILLISECONDS)) {
                int left = threads.shutdownNow().size();
                if (left > 0) {
                    log.accept("%,d alerts' commands were not run: monitoring has ended".formatted(left));
                }
            }
        } catch (InterruptedException _) {
            threads.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
