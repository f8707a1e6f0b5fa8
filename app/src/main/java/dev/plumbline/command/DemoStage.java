package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Where a newcomer is shown something: headings, words, and commands of this program, each run in a process of its own
/// as its reader would run it, with the same standard output and error.
final class DemoStage {
    private static final String BOLD = "\033[1m";
    private static final String FAINT = "\033[2m";
    private static final String PLAIN = "\033[0m";

    private final PrintWriter out;
    private final String launcher;
    private final boolean isColoured =
            System.console() != null && System.console().isTerminal();

    /// @param out where to; flushed after each line
    /// @throws GuestException if this process was not started by the launcher
    DemoStage(PrintWriter out) throws GuestException {
        this.out = out;
        this.launcher = Launcher.path();
    }

    void title(String question) {
        say("");
        say(isColoured ? BOLD + question + PLAIN : question);
    }

    void say(String line) {
        out.println(line);
        out.flush();
    }

    /// What somebody types.
    ///
    /// @param prompt `$` on this host, another in the guest
    void typed(String prompt, String command) {
        say(isColoured ? FAINT + prompt + " " + command + PLAIN : prompt + " " + command);
    }

    /// Where tables go.
    PrintWriter out() {
        return out;
    }

    /// Runs a command to its end.
    ///
    /// @throws GuestException if it does not end with 0
    void run(String... arguments) throws IOException {
        try (Scene scene = start(arguments)) {
            verify(arguments, scene.status());
        }
    }

    /// @param status what the command with these arguments ended with
    /// @throws GuestException unless it is 0
    void verify(String[] arguments, int status) throws GuestException {
        if (status != 0) {
            throw new GuestException("the demo ends here: plumbline %s ended with status %d"
                    .formatted(String.join(" ", arguments), status));
        }
    }

    /// Starts a command.
    Scene start(String... arguments) throws IOException {
        typed("$", "plumbline " + String.join(" ", arguments));
        List<String> command = new ArrayList<>(List.of(launcher));
        command.addAll(Arrays.asList(arguments));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectInput(Redirect.INHERIT).redirectOutput(Redirect.INHERIT);
        builder.environment().put("PLUMBLINE_AS_BUILT", "1");
        return new Scene(builder.start());
    }

    /// A command that runs. Closing it ends it, and waits until it has.
    static final class Scene implements AutoCloseable {
        private static final int ENOUGH = 1 << 16;

        private final Process process;
        private final StringBuffer said = new StringBuffer();
        private final Thread passing;

        private Scene(Process process) {
            this.process = process;
            this.passing = Thread.ofPlatform().daemon().name("passes on").start(this::passOn);
        }

        // As it comes, so that a line that changes changes.
        private void passOn() {
            byte[] some = new byte[4096];
            try (InputStream errors = process.getErrorStream()) {
                for (int count; (count = errors.read(some)) >= 0; ) {
                    System.err.write(some, 0, count);
                    System.err.flush();
                    if (said.length() < ENOUGH) {
                        said.append(new String(some, 0, count, StandardCharsets.UTF_8));
                    }
                }
            } catch (IOException _) {
                // It has ended.
            }
        }

        /// Waits until the command says something to standard error.
        ///
        /// @throws GuestException if it ends before
        void await(String words) throws GuestException {
            while (said.indexOf(words) < 0) {
                if (!process.isAlive()) {
                    throw new GuestException("the demo ends here: a command ended too early");
                }
                Moments.pass(20);
            }
        }

        /// Whether it has not ended.
        boolean runs() {
            return process.isAlive();
        }

        /// Waits for its end.
        ///
        /// @return its exit code
        int status() throws GuestException {
            try {
                int status = process.waitFor();
                passing.join();
                return status;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new GuestException("the demo was interrupted", e);
            }
        }

        @Override
        public void close() throws GuestException {
            process.destroy();
            status();
        }
    }
}
