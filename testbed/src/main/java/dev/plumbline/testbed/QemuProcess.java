package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The QEMU process of a guest, found by its pid file and believed only if its command line names that file:
/// process ids are given out again.
///
/// @param handle the process
record QemuProcess(ProcessHandle handle) {
    private static final long GRACE_MILLIS = 1000;

    /// The running process of a guest, if it has one.
    static Optional<QemuProcess> of(GuestDirectory guest) {
        try {
            long pid = Long.parseLong(Files.readString(guest.pidFile()).strip());
            String commandLine = Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
            boolean ours = List.of(commandLine.split("\0"))
                    .contains(new String(guest.pidFile().toString().getBytes(), StandardCharsets.ISO_8859_1));
            return ours ? ProcessHandle.of(pid).map(QemuProcess::new) : Optional.empty();
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    /// Starts QEMU, which goes into the background by itself.
    ///
    /// @throws GuestException with QEMU's own last words if it refuses
    static void start(List<String> commandLine) throws GuestException {
        HostCommand.Result result = HostCommand.run(Path.of("/"), 60, commandLine);
        if (result.status() != 0) {
            throw new GuestException("QEMU did not start: " + result.lastErrorLine());
        }
    }

    /// Ends the process and starts another one like it.
    ///
    /// @throws GuestException if it survives, or the other one does not start
    void startAgain() throws GuestException {
        List<String> commandLine;
        try {
            commandLine = List.of(Files.readString(Path.of("/proc/" + handle.pid() + "/cmdline"))
                    .split("\0"));
        } catch (IOException e) {
            throw new GuestException("cannot read how QEMU process " + handle.pid() + " was started: " + e, e);
        }
        end();
        start(commandLine);
    }

    /// Ends the process; politely for a second, then by force. Passes if it has ended already.
    ///
    /// @throws GuestException if it survives
    void end() throws GuestException {
        handle.destroy();
        if (!awaitEnd(GRACE_MILLIS)) {
            handle.destroyForcibly();
            if (!awaitEnd(10 * GRACE_MILLIS)) {
                throw new GuestException("QEMU process " + handle.pid() + " does not end; kill it by hand");
            }
        }
    }

    private boolean awaitEnd(long limitMillis) throws GuestException {
        long start = System.nanoTime();
        while (running()) {
            if (System.nanoTime() - start > TimeUnit.MILLISECONDS.toNanos(limitMillis)) {
                return false;
            }
            Pauses.millis(5);
        }
        return true;
    }

    /// A zombie, which has no command line any more, has ended: whoever inherited it may never reap it.
    private boolean running() throws GuestException {
        try {
            return handle.isAlive() && Files.readAllBytes(Path.of("/proc/" + handle.pid() + "/cmdline")).length > 0;
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            return handle.isAlive();
        }
    }
}
