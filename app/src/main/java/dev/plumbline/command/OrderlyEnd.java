package dev.plumbline.command;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/// On SIGINT and SIGTERM lets a command take its probes out, and write what it has, before the process ends.
final class OrderlyEnd implements AutoCloseable {
    private static final long LEAVE_SECONDS = 30;

    private final CountDownLatch left = new CountDownLatch(1);
    private volatile boolean asked;

    private OrderlyEnd() {}

    /// Watches until it is closed.
    static OrderlyEnd watch() {
        OrderlyEnd end = new OrderlyEnd();
        Runtime.getRuntime().addShutdownHook(new Thread(end::await));
        return end;
    }

    private void await() {
        asked = true;
        try {
            left.await(LEAVE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    /// Whether the command is to end.
    boolean isAsked() {
        return asked;
    }

    /// Says what went wrong while the process still lets it be said.
    ///
    /// @return the exit code
    int tell(CommandLine command, Exception fault) throws Exception {
        return command.getExecutionExceptionHandler().handleExecutionException(fault, command, null);
    }

    /// The command has ended.
    @Override
    public void close() {
        left.countDown();
    }
}
