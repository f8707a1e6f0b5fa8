package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// QEMU's debug stub, started for the moment on a socket in a directory that only QEMU's user and this one can
/// enter, and stopped again on closing.
///
/// The guest is to be paused through QMP meanwhile: connecting stops it, and the stub's own packet to detach
/// would let it run even where somebody else had paused it; so that packet is not sent.
final class DebugStub implements Closeable {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final String DIRECTORY_PREFIX = "plumbline-stub-";
    private static final String SOCKET_NAME = "gdb.sock";
    private static final Pattern OWN_LEFTOVER =
            Pattern.compile("disconnected:unix:(/.*/" + DIRECTORY_PREFIX + "[0-9a-zA-Z]+)/" + SOCKET_NAME + "(,.*)?");

    private final QmpClient qmp;
    private final Path directory;
    private UnixStream stream;
    private GdbClient gdb;

    private DebugStub(QmpClient qmp, Path directory) {
        this.qmp = qmp;
        this.directory = directory;
    }

    /// Starts the stub and connects to it.
    ///
    /// @param pid the QEMU process
    /// @throws GuestGoneException if QEMU has ended
    /// @throws GuestException if a debugger is in use already, or QEMU refuses; nothing is left behind then
    static DebugStub open(QmpClient qmp, long pid) throws GuestException {
        makeSureThatItIsFree(qmp);
        DebugStub stub = new DebugStub(qmp, privateDirectory(pid));
        try {
            stub.start();
            return stub;
        } catch (GuestException e) {
            stub.close();
            throw e;
        }
    }

    /// Writes to physical addresses in order; QEMU gives up whatever it translated from there.
    void write(List<CodePatch> patches) throws GuestException {
        gdb.write(patches);
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

    private void start() throws GuestException {
        Path socket = directory.resolve(SOCKET_NAME);
        String option = "unix:" + socket.toString().replace(",", ",,") + ",server=on,wait=off";
        String printed = QmpClient.oneLine(qmp.monitor("gdbserver " + option));
        if (!Files.exists(socket)) {
            throw new GuestException("QEMU did not start its debug stub on " + socket + ": " + printed
                    + "; make sure that QEMU may write to " + directory.getParent());
        }
        stream = UnixStream.connect(socket, Deadline.after(CONNECT));
        gdb = new GdbClient(stream);
        gdb.usePhysicalAddresses();
    }

    private static void makeSureThatItIsFree(QmpClient qmp) throws GuestException {
        for (QmpValue device : qmp.execute("query-chardev").elements()) {
            if (!device.get("label").text().equals("gdb")) {
                continue;
            }
            String endpoint = device.get("filename").text();
            Matcher leftover = OWN_LEFTOVER.matcher(endpoint);
            if (!leftover.matches()) {
                throw new GuestException("QEMU's debug stub is in use by somebody else (" + endpoint
                        + "): end that debugger, or start QEMU without -gdb and -s");
            }
            qmp.monitor("gdbserver none");
            remove(Path.of(leftover.group(1)));
        }
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
