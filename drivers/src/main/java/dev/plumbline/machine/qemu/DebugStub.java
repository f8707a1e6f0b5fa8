package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// QEMU's debug stub, started for the moment on a socket in a directory that only QEMU's user and this one can
/// enter, and stopped again on closing.
///
/// Connecting stops the guest, and it stands still on closing: whoever opens it knows whether it ran. The stub's own
/// packet to detach would let it run even where somebody else had paused it; so that packet is not sent.
final class DebugStub implements Closeable {
    private static final Duration CONNECT = Duration.ofSeconds(5);

    /// A run that lives has a stub without a connection for less than this, and QEMU notices a killed one sooner.
    private static final Duration SETTLING = Duration.ofMillis(200);

    private static final String DIRECTORY_PREFIX = "plumbline-stub-";
    private static final String SOCKET_NAME = "gdb.sock";
    private static final Pattern OWN = Pattern.compile(
            "(disconnected:)?unix:(/.*/" + DIRECTORY_PREFIX + "[0-9a-zA-Z]+)/" + SOCKET_NAME + "(,.*)?");

    private final QmpClient qmp;
    private final Path directory;
    private UnixStream stream;
    private GdbClient gdb;

    private DebugStub(QmpClient qmp, Path directory) {
        this.qmp = qmp;
        this.directory = directory;
    }

    /// Starts the stub and connects to it. One that a killed run has left is removed before, with its breakpoints.
    ///
    /// @param pid the QEMU process
    /// @param threads the stub's numbers of all vCPUs
    /// @throws GuestGoneException if QEMU has ended
    /// @throws GuestException if a debugger is in use already, or QEMU refuses; nothing is left behind then
    static DebugStub open(QmpClient qmp, long pid, int[] threads) throws GuestException {
        Optional<String> other = endpoint(qmp);
        if (other.isPresent() && !removeLeft(qmp, pid, threads)) {
            throw new GuestException("QEMU's debug stub is in use by somebody else (" + other.get()
                    + "): end that debugger, or start QEMU without -gdb and -s");
        }
        return start(qmp, pid);
    }

    /// Removes a stub that a killed run has left, and the breakpoints set through it.
    ///
    /// @return whether there was one; the guest stands still then
    /// @throws GuestException if a run that lives uses its stub
    static boolean removeLeft(QmpClient qmp, long pid, int[] threads) throws GuestException {
        Optional<Path> left = left(qmp);
        if (left.isEmpty()) {
            return false;
        }
        try (DebugStub stub = takeOver(qmp, pid, left.get())) {
            stub.gdb.removeAllBreakpoints(threads);
        }
        return true;
    }

    /// The connection.
    GdbClient gdb() {
        return gdb;
    }

    /// Ends the connection only: what has been set remains, for [#removeLeft] to find.
    void leave() {
        stream.close();
    }

    @Override
    public void close() throws GuestException {
        if (stream != null) {
            stream.close();
        }
        try {
            qmp.monitor("gdbserver none");
        } catch (GuestGoneException _) {
            // With QEMU its stub is gone too; whoever uses the guest next is told.
        } finally {
            remove(directory);
        }
    }

    private static DebugStub start(QmpClient qmp, long pid) throws GuestException {
        DebugStub stub = new DebugStub(qmp, privateDirectory(pid));
        try {
            Path socket = stub.directory.resolve(SOCKET_NAME);
            String option = "unix:" + socket.toString().replace(",", ",,") + ",server=on,wait=off";
            String printed = QmpClient.oneLine(qmp.monitor("gdbserver " + option));
            if (!Files.exists(socket)) {
                throw new GuestException("QEMU did not start its debug stub on " + socket + ": " + printed
                        + "; make sure that QEMU may write to " + stub.directory.getParent());
            }
            stub.connect();
            return stub;
        } catch (GuestException e) {
            stub.close();
            throw e;
        }
    }

    private static DebugStub takeOver(QmpClient qmp, long pid, Path directory) throws GuestException {
        DebugStub stub = new DebugStub(qmp, directory);
        if (Files.exists(directory.resolve(SOCKET_NAME))) {
            stub.connect();
            return stub;
        }
        // Somebody has tidied up among temporary files. Breakpoints outlive the stub that they were set through.
        stub.close();
        return start(qmp, pid);
    }

    private void connect() throws GuestException {
        stream = UnixStream.connect(directory.resolve(SOCKET_NAME), Deadline.after(CONNECT));
        gdb = new GdbClient(stream);
        gdb.interrupt();
    }

    private static Optional<Path> left(QmpClient qmp) throws GuestException {
        Optional<Matcher> before = own(qmp);
        if (before.isEmpty()) {
            return Optional.empty();
        }
        LockSupport.parkNanos(SETTLING.toNanos());
        Optional<Matcher> after = own(qmp);
        if (after.isEmpty()) {
            return Optional.empty();
        }
        if (after.get().group(1) == null
                || !after.get().group(2).equals(before.get().group(2))) {
            throw new GuestException("another run of Plumbline is using QEMU's debug stub: end that run first");
        }
        return Optional.of(Path.of(after.get().group(2)));
    }

    private static Optional<Matcher> own(QmpClient qmp) throws GuestException {
        return endpoint(qmp).map(OWN::matcher).filter(Matcher::matches);
    }

    private static Optional<String> endpoint(QmpClient qmp) throws GuestException {
        for (QmpValue device : qmp.execute("query-chardev").elements()) {
            if (device.get("label").text().equals("gdb")) {
                return Optional.of(device.get("filename").text());
            }
        }
        return Optional.empty();
    }

    private static Path privateDirectory(long pid) throws GuestException {
        try {
            // Mode 0700, by the contract of this method.
            Path directory = Files.createTempDirectory(DIRECTORY_PREFIX);
            Object user = Files.getAttribute(QemuProcess.directory(pid), "unix:uid");
            if (!user.equals(Files.getAttribute(directory, "unix:uid"))) {
                Files.setAttribute(directory, "unix:uid", user);
            }
            return directory;
        } catch (IOException e) {
            throw new GuestException(
                    "cannot make a directory for QEMU's debug stub in " + System.getProperty("java.io.tmpdir") + ": "
                            + e.getMessage(),
                    e);
        }
    }

    private static void remove(Path directory) {
        try {
            Files.deleteIfExists(directory.resolve(SOCKET_NAME));
            Files.deleteIfExists(directory);
        } catch (IOException _) {
            // A file left in a directory for temporary files harms nobody.
        }
    }
}
