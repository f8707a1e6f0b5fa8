package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// One event channel that Xen notifies this process through, and is notified through. For one thread at a time.
final class XenEventChannel implements AutoCloseable {
    /// `struct pollfd` of poll(2): s32@0 descriptor, s16@4 events, s16@6 events that have come.
    private static final int POLL_BYTES = 8;

    private static final short POLLIN = 1;

    private final Arena arena = Arena.ofShared();
    private final XenMonitorLibraries libraries;
    private final MemorySegment error = NativeFunction.allocateError(arena);
    private final MemorySegment poll = arena.allocate(POLL_BYTES, 4);
    private final long handle;
    private final int port;

    /// @param domain the domain at the other end
    /// @param remotePort the port there
    /// @throws GuestException if it cannot be had
    XenEventChannel(XenMonitorLibraries libraries, int domain, int remotePort) throws GuestException {
        this.libraries = libraries;
        handle = libraries.openEvents.call(error, 0, 0);
        if (handle == 0) {
            GuestException refused = refused("open its event channels (/dev/xen/evtchn)");
            arena.close();
            throw refused;
        }
        port = libraries.bind.number(error, handle, domain, remotePort);
        if (port < 0) {
            GuestException refused = refused("bind an event channel");
            close();
            throw refused;
        }
        int descriptor = libraries.descriptor.number(error, handle);
        poll.set(JAVA_INT, 0, descriptor);
        poll.set(JAVA_SHORT, 4, POLLIN);
    }

    /// Waits until Xen notifies, or has done so since the last time.
    ///
    /// @param longest how long, in whole milliseconds
    /// @return whether it did
    boolean await(Duration longest) throws GuestException {
        long milliseconds = Math.min(longest.toMillis(), Integer.MAX_VALUE);
        int count = libraries.poll.number(error, poll.address(), 1, milliseconds);
        if (count <= 0) {
            // The time is over, or a signal has come.
            return false;
        }
        int from = libraries.pending.number(error, handle);
        perform("tell which event has come", from);
        perform("go on notifying", libraries.unmask.number(error, handle, from));
        return true;
    }

    /// Tells Xen that there is something for it.
    void notifyXen() throws GuestException {
        perform("take the answer to an event", libraries.notifyPort.number(error, handle, port));
    }

    private void perform(String what, int answer) throws GuestException {
        if (answer < 0) {
            throw refused(what);
        }
    }

    private GuestException refused(String what) {
        return XenControl.refused(what, error);
    }

    @Override
    public void close() {
        libraries.closeEvents.call(error, handle);
        arena.close();
    }
}
