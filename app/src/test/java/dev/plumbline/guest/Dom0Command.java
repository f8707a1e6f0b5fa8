package dev.plumbline.guest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/// A command of Plumbline that runs in dom0 while a test does something else.
///
/// @param dom0 where it runs
/// @param arguments what it was told
/// @param running the command, which says its process number first
/// @param startNanos when it was started
record Dom0Command(TestGuest dom0, List<String> arguments, RunningCommand running, long startNanos)
        implements AutoCloseable {

    static Dom0Command start(TestGuest dom0, String program, String... arguments) throws IOException {
        long start = System.nanoTime();
        String command = "echo $$; exec env " + program + " " + String.join(" ", arguments);
        return new Dom0Command(dom0, List.of(arguments), dom0.start(command), start);
    }

    /// Waits until it says something that contains this.
    ///
    /// @throws IOException if it ends before
    void awaitError(String text) throws IOException, InterruptedException {
        while (!running.stderrSoFar().contains(text)) {
            if (!running.running() && !running.stderrSoFar().contains(text)) {
                throw new IOException("the command ended before it said '" + text + "': " + running.stderrSoFar());
            }
            Thread.sleep(20);
        }
    }

    /// What it has printed so far.
    String printed() {
        return printed(running.stdoutSoFar());
    }

    /// The JSON objects it has printed so far, one a line.
    Stream<JsonNode> findings() throws IOException {
        return CommandRun.jsonLines(printed()).stream();
    }

    // Behind the line with the process number.
    private static String printed(String stdout) {
        return stdout.substring(stdout.indexOf('\n') + 1);
    }

    /// Asks it to end orderly, and waits until it has.
    CommandRun end() throws IOException {
        dom0.execChecked("kill -TERM " + process());
        return await();
    }

    /// Kills it, and waits until it has gone.
    void kill() throws IOException {
        dom0.execChecked("kill -9 " + process());
        running.await();
    }

    private String process() {
        return running.stdoutSoFar().lines().findFirst().orElseThrow();
    }

    /// Waits for its end.
    CommandRun await() throws IOException {
        ExecResult result = running.await();
        CommandRun run = XenUnderTest.ended(arguments, result, startNanos);
        return new CommandRun(arguments, run.status(), printed(run.out()), run.err(), run.took());
    }

    /// Ends it, should it still run.
    @Override
    public void close() throws IOException {
        try (running) {
            if (running.running()) {
                end();
            }
        }
    }
}
