package dev.plumbline.machine.qemu;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.Closeable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// QEMU's debug stub, started for the moment on a socket in a [StubDirectory], and stopped again on closing.
///
/// Connecting stops the guest, and it stands still on closing: whoever opens it knows whether it ran. The stub's own
/// packet to detach would let it run even where somebody else had paused it; so that packet is not sent.
final class DebugStub implements Closeable {
    private static final Duration CONNECT = Duration.ofSeconds(5);

    private final QmpClient qmp;
    private final StubDirectory directory;
    private UnixStream stream;
    private GdbClient gdb;

    private DebugStub(QmpClient qmp, StubDirectory directory) {
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
        if (other.isPresent()) {
            StubDirectory left = takeLeft(qmp)
                    .orElseThrow(() -> new GuestException("QEMU's debug stub is in use by somebody else (" + other.get()
                            + "): end that debugger, or start QEMU without -gdb and -s"));
            removeLeft(left, qmp, pid, threads);
        }
        return start(qmp, pid);
    }

    /// Removes a stub that a killed run has left, with the breakpoints set and the steps begun through it. The guest
    /// stands still then.
    ///
    /// @param left as [#takeLeft] gives it; it is let go of
    /// @throws GuestException if that fails; the stub can be found once more, unless its socket was no longer there
    static void removeLeft(StubDirectory left, QmpClient qmp, long pid, int[] threads) throws GuestException {
        DebugStub stub = new DebugStub(qmp, left);
        try {
            if (Files.exists(left.socket())) {
                stub.connect();
            } else {
                // Somebody has tidied up among temporary files. Breakpoints outlive the stub that they were set
                // through.
                stub.close();
                stub = start(qmp, pid);
            }
            stub.gdb.removeAllBreakpoints(threads);
            stub.gdb.endSteps(threads);
        } catch (GuestGoneException e) {
            stub.close();
            throw e;
        } catch (GuestException e) {
            stub.leave();
            throw Breakpoints.notEnded(e);
        }
        stub.close();
    }

    /// The connection.
    GdbClient gdb() {
        return gdb;
    }

    /// Ends the connection only: what has been set remains, for [#removeLeft] to find.
    void leave() {
        if (stream != null) {
            stream.close();
        }
        directory.letGo();
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
            directory.remove();
        }
    }

    private static DebugStub start(QmpClient qmp, long pid) throws GuestException {
        DebugStub stub = new DebugStub(qmp, StubDirectory.make(pid));
        try {
            Path socket = stub.directory.socket();
            String option = "unix:" + socket.toString().replace(",", ",,") + ",server=on,wait=off";
            String printed = QmpClient.oneLine(qmp.monitor("gdbserver " + option));
            if (!Files.exists(socket)) {
                throw new GuestException("QEMU did not start its debug stub on " + socket + ": " + printed
                        + "; make sure that QEMU may write to "
                        + socket.getParent().getParent());
            }
            stub.connect();
            return stub;
        } catch (GuestException e) {
            stub.close();
            throw e;
        }
    }

    private void connect() throws GuestException {
        stream = UnixStream.connect(directory.socket(), Deadline.after(CONNECT));
        gdb = new GdbClient(stream);
        gdb.interrupt();
    }

    /// Takes hold of the stub that a killed run has left.
    ///
    /// @return empty if there is none
    /// @throws GuestException if a run that lives uses its stub
    static Optional<StubDirectory> takeLeft(QmpClient qmp) throws GuestException {
        Optional<String> own = own(qmp);
        if (own.isEmpty()) {
            return Optional.empty();
        }
        Optional<StubDirectory> left = StubDirectory.take(own.get());
        if (left.isEmpty()) {
            throw new GuestException("another run of Plumbline is using QEMU's debug stub: end that run first");
        }
        return left;
    }

    /// The same; empty also where a run that lives uses its stub.
    static Optional<StubDirectory> takeLeftByTheDead(QmpClient qmp) throws GuestException {
        Optional<String> own = own(qmp);
        return own.isEmpty() ? Optional.empty() : StubDirectory.take(own.get());
    }

    private static Optional<String> own(QmpClient qmp) throws GuestException {
        return endpoint(qmp).filter(StubDirectory::isOfRun);
    }

    private static Optional<String> endpoint(QmpClient qmp) throws GuestException {
        for (QmpValue device : qmp.execute("query-chardev").elements()) {
            if (device.get("label").text().equals("gdb")) {
                return Optional.of(device.get("filename").text());
            }
        }
        return Optional.empty();
    }
}
