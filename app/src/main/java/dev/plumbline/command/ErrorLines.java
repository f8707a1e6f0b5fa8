package dev.plumbline.command;

import java.io.PrintWriter;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/// Prints lines on a thread of its own, so that standard error that nobody reads, as in a pipe to a pager, holds up
/// nobody who has something to say. Lines there is no room for are counted.
final class ErrorLines implements Consumer<String>, AutoCloseable {
    private static final int MOST_WAITING = 1000;
    private static final long LEAVE_MILLIS = 1000;
    private static final String END = "";

    private final PrintWriter err;
    private final LinkedBlockingQueue<String> waiting = new LinkedBlockingQueue<>();
    private final Thread thread;
    private long left;

    /// @param err where to; flushed after each line
    ErrorLines(PrintWriter err) {
        this.err = err;
        this.thread = Thread.ofPlatform().daemon().name("standard error").start(this::run);
    }

    @Override
    public synchronized void accept(String line) {
        if (waiting.size() >= MOST_WAITING) {
            left++;
            return;
        }
        sayLeft();
        waiting.add(line);
    }

    private void sayLeft() {
        if (left > 0) {
            waiting.add("%,d lines were left out here: standard error took no more".formatted(left));
            left = 0;
        }
    }

    private void run() {
        try {
            String line = waiting.take();
            while (!line.equals(END)) {
                err.println(line);
                err.flush();
                line = waiting.take();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    /// Waits until all has been printed, but not long.
    @Override
    public void close() {
        synchronized (this) {
            sayLeft();
            waiting.add(END);
        }
        try {
            thread.join(LEAVE_MILLIS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }
}
