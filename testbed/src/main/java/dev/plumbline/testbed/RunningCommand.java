package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

/// A command that runs in a guest while its caller does something else. Closing it kills the command with its
/// process group. Any thread may use it.
public final class RunningCommand implements AutoCloseable {
    private final ExecPort port;
    private final Conversation conversation;
    private final Check check;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
    private final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
    private volatile int status;
    private volatile GuestException failure;

    /// Finds out whether a result is the command's own, or says that there is none.
    @FunctionalInterface
    interface Check {
        void check(ExecResult result) throws GuestException;
    }

    RunningCommand(ExecPort port, Conversation conversation, String command, Check check) {
        this.port = port;
        this.conversation = conversation;
        this.check = check;
        Thread.ofPlatform().daemon().name("exec").start(() -> run(command));
    }

    private void run(String command) {
        try (port;
                conversation) {
            status = conversation.run(command, new byte[0], stdout, stderr);
        } catch (GuestException e) {
            failure = e;
        } finally {
            ended.countDown();
        }
    }

    /// Whether the command has not ended yet.
    public boolean running() {
        return ended.getCount() > 0;
    }

    /// What the command has written to its standard output so far, as UTF-8 text.
    public String stdoutSoFar() {
        return stdout.toString(StandardCharsets.UTF_8);
    }

    /// What it has written to its standard error so far.
    public String stderrSoFar() {
        return stderr.toString(StandardCharsets.UTF_8);
    }

    /// Waits for the command's end, which the limits of the guest bound.
    ///
    /// @throws GuestException if the command could not be run to its end
    public ExecResult await() throws GuestException {
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted while waiting for a command in a guest", e);
        }
        switch (failure) {
            case null -> {
                ExecResult result = new ExecResult(status, stdout.toByteArray(), stderr.toByteArray());
                check.check(result);
                return result;
            }
            case GuestGoneException gone -> throw new GuestGoneException(gone.getMessage(), gone);
            case GuestException other -> throw new GuestException(other.getMessage(), other);
        }
    }

    /// Kills the command if it still runs, and waits until it is let go.
    @Override
    public void close() {
        conversation.close();
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
