package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A monitor of a guest beside the one that Plumbline uses: for the debug stub that another debugger is to have, and
/// for what QEMU says about its translations.
public final class GuestMonitor implements AutoCloseable {
    private static final Pattern FLUSHES = Pattern.compile("TB flush count +([0-9]+)");

    private final QmpClient qmp;

    /// @param socket one that nobody else uses
    public GuestMonitor(Path socket) throws GuestException {
        qmp = QmpClient.connect(socket);
    }

    /// Starts QEMU's debug stub on a socket.
    public void startStub(Path socket) throws GuestException {
        qmp.monitor("gdbserver unix:" + socket + ",server=on,wait=off");
    }

    /// Stops QEMU's debug stub, and lets the guest run.
    public void stopStub() throws GuestException {
        qmp.monitor("gdbserver none");
        qmp.execute("cont");
    }

    /// How often a translating QEMU has given up all that it had translated.
    public long translationFlushes() throws GuestException {
        Matcher matcher = FLUSHES.matcher(qmp.monitor("info jit"));
        if (!matcher.find()) {
            throw new GuestException("QEMU does not say how often it flushed: this version is not supported");
        }
        return Long.parseLong(matcher.group(1));
    }

    @Override
    public void close() {
        qmp.close();
    }
}
