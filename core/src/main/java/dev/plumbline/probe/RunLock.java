package dev.plumbline.probe;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/// Held by the one run that may change a boot of a guest. The operating system lets go of it when the process ends,
/// however it ends.
///
/// All locks are single bytes of one file, `lock`, each at a place that the boot's mark gives.
public final class RunLock implements AutoCloseable {
    private static final String FILE = "lock";

    // Closing any channel of a file would let go of all locks this process has on it, so there is one, never closed.
    private static final Map<Path, FileChannel> CHANNELS = new HashMap<>();

    private final FileLock lock;

    private RunLock(FileLock lock) {
        this.lock = lock;
    }

    /// @param directory where the journals are kept; made if it does not exist
    /// @throws GuestException if another run holds the lock, or the file cannot be written
    static RunLock take(Path directory, String bootMark) throws GuestException {
        Path file = directory.resolve(FILE);
        try {
            FileLock lock = channel(file).tryLock(Integer.toUnsignedLong(bootMark.hashCode()), 1, false);
            if (lock != null) {
                return new RunLock(lock);
            }
        } catch (OverlappingFileLockException _) {
            // A run in this very process.
        } catch (IOException e) {
            throw new GuestException(
                    "cannot lock " + file + " (" + e.getMessage() + "); check permissions and free space", e);
        }
        throw new GuestException("another run has its probes in this guest: end that run first");
    }

    private static synchronized FileChannel channel(Path file) throws IOException {
        FileChannel channel = CHANNELS.get(file);
        if (channel == null || !Files.exists(file)) {
            Files.createDirectories(file.getParent());
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            CHANNELS.put(file, channel);
        }
        return channel;
    }

    /// Lets go. Closing twice does nothing.
    @Override
    public void close() throws GuestException {
        try {
            lock.release();
        } catch (IOException e) {
            throw new GuestException("cannot let go of the lock on this guest: " + e.getMessage(), e);
        }
    }
}
