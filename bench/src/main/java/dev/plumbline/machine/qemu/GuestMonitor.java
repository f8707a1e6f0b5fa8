package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A monitor of a guest beside the one that Plumbline uses: for the debug stub that another debugger is to have, and
/// for what QEMU says about its translations.
public final class GuestMonitor implements AutoCloseable {
    private static final Pattern BLOCKS = Pattern.compile("TB count +([0-9]+)");
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

    /// What a translating QEMU has.
    ///
    /// @param blocks translated blocks of guest code that are in its cache now
    /// @param flushes how often it has given up the whole cache
    public record Translations(long blocks, long flushes) {}

    /// Asks QEMU for it.
    public Translations translations() throws GuestException {
        String printed = qmp.monitor("info jit");
        return new Translations(number(BLOCKS, printed), number(FLUSHES, printed));
    }

    private static long number(Pattern pattern, String printed) throws GuestException {
        Matcher matcher = pattern.matcher(printed);
        if (!matcher.find()) {
            throw new GuestException("QEMU does not say its '" + pattern + "': this version is not supported");
        }
        return Long.parseLong(matcher.group(1));
    }

    @Override
    public void close() {
        qmp.close();
    }
}
