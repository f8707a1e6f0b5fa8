package dev.plumbline.command;

import java.io.PrintWriter;

/// How far something has come: one line that changes on a terminal, a line now and then elsewhere.
final class ProgressLine {
    private static final long TERMINAL_NANOS = 200_000_000L;
    private static final long FILE_NANOS = 10_000_000_000L;
    private static final String CLEAR = "\r\033[K";
    // What is longer than the terminal is wide is cut, and does not begin a second line.
    private static final String NO_WRAP = "\033[?7l";
    private static final String WRAP = "\033[?7h";

    private final PrintWriter err;
    private final boolean isTerminal =
            System.console() != null && System.console().isTerminal();
    private long nextNanos = System.nanoTime();
    private boolean isShown;

    /// @param err where to; flushed
    ProgressLine(PrintWriter err) {
        this.err = err;
        if (!isTerminal) {
            nextNanos += FILE_NANOS;
        }
    }

    /// Whether it is time to show where things are.
    boolean isDue() {
        return System.nanoTime() - nextNanos >= 0;
    }

    /// Shows where things are.
    void show(String line) {
        nextNanos = System.nanoTime() + (isTerminal ? TERMINAL_NANOS : FILE_NANOS);
        if (isTerminal) {
            err.print(CLEAR + NO_WRAP + line + WRAP);
            isShown = true;
        } else {
            err.println(line);
        }
        err.flush();
    }

    /// Says something else, above what is shown.
    void say(String line) {
        end();
        err.println(line);
        err.flush();
    }

    /// Takes away what is shown.
    void end() {
        if (isShown) {
            err.print(CLEAR);
            isShown = false;
        }
    }
}
