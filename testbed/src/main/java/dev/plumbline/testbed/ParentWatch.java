package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.util.List;

/// A small process that outlives this JVM for a moment: when the JVM is gone, however it ended, it kills a
/// guest and removes its directory. It notices by the end of a pipe that only the JVM holds open.
///
/// @param process the watcher
record ParentWatch(Process process) implements AutoCloseable {
    /// Run in a session of its own: what ends this JVM's whole process group must not end it first.
    private static final String SCRIPT = """
            read -r line
            pid=$(cat "$1/pid") && grep -qF "$1/pid" "/proc/$pid/cmdline" && kill -9 "$pid"
            rm -rf "$1"
            """;

    /// Watches over a guest whose QEMU need not run yet.
    ///
    /// @throws GuestException if the watcher cannot be started
    static ParentWatch start(GuestDirectory guest) throws GuestException {
        try {
            List<String> command = List.of(
                    "setsid",
                    "sh",
                    "-c",
                    SCRIPT,
                    "plumbline-watch",
                    guest.path().toString());
            return new ParentWatch(new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start());
        } catch (IOException e) {
            throw new GuestException("cannot start the watcher of guest " + guest.name() + ": " + e.getMessage(), e);
        }
    }

    /// Whether the watch is still kept.
    boolean kept() {
        return process.isAlive();
    }

    /// Ends the watch; the guest is left alone.
    @Override
    public void close() throws GuestException {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted while ending a watcher", e);
        }
    }
}
