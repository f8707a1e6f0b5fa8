package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// One of a guest's exec ports, held for one conversation. Other processes are kept off by a lock on a file
/// beside the socket.
///
/// @param socket QEMU's end of the port
/// @param lockFile the open file the lock is on
record ExecPort(Path socket, FileChannel lockFile) implements AutoCloseable {
    /// The ports this process holds. POSIX locks do not tell its threads apart, and end as soon as any of them
    /// closes the file.
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /// A port that nobody else uses.
    ///
    /// @throws GuestGoneException if the guest has no directory any more
    /// @throws GuestException if all stay in use for that long
    static ExecPort acquire(GuestDirectory guest, Duration limit) throws GuestException {
        long start = System.nanoTime();
        do {
            for (int number = 0; number < GuestDirectory.EXEC_PORTS; number++) {
                Optional<ExecPort> port = attempt(guest, number);
                if (port.isPresent()) {
                    return port.get();
                }
            }
            Pauses.millis(10);
        } while (System.nanoTime() - start < limit.toNanos());
        throw new GuestException("all %d exec ports of guest %s stay in use; end a command that runs there"
                .formatted(GuestDirectory.EXEC_PORTS, guest.name()));
    }

    private static Optional<ExecPort> attempt(GuestDirectory guest, int number) throws GuestException {
        Path socket = guest.execSocket(number);
        if (!HELD.add(socket)) {
            return Optional.empty();
        }
        Optional<ExecPort> port = Optional.empty();
        try {
            port = lockFile(guest.execLock(number)).map(file -> new ExecPort(socket, file));
            return port;
        } catch (NoSuchFileException e) {
            throw new GuestGoneException("guest " + guest.name() + " is gone: it was taken down");
        } catch (IOException e) {
            throw new GuestException("cannot lock " + guest.execLock(number) + ": " + e.getMessage(), e);
        } finally {
            if (port.isEmpty()) {
                HELD.remove(socket);
            }
        }
    }

    private static Optional<FileChannel> lockFile(Path path) throws IOException {
        FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (file.tryLock() != null) {
            return Optional.of(file);
        }
        file.close();
        return Optional.empty();
    }

    @Override
    public void close() throws GuestException {
        try {
            lockFile.close();
        } catch (IOException e) {
            throw new GuestException("cannot release " + socket + ": " + e.getMessage(), e);
        } finally {
            HELD.remove(socket);
        }
    }
}
