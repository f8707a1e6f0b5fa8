package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A directory for the socket of QEMU's debug stub, which only QEMU's user and this one can enter. Whoever uses
/// the stub holds a lock in it. The operating system lets go of that when the process ends, however it ends.
final class StubDirectory {
    private static final String PREFIX = "plumbline-stub-";
    private static final String SOCKET = "gdb.sock";
    private static final String LOCK = "lock";
    private static final Pattern ENDPOINT =
            Pattern.compile("(disconnected:)?unix:(/.*/" + PREFIX + "[0-9a-zA-Z]+)/" + SOCKET + "(,.*)?");

    // Closing any channel of a file would let go of all locks that this process has on it.
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private final Path path;
    private final FileChannel lock;

    /// @param lock null where there is no longer a file to lock
    private StubDirectory(Path path, FileChannel lock) {
        this.path = path;
        this.lock = lock;
    }

    /// Makes one and holds it.
    ///
    /// @param pid the QEMU process
    static StubDirectory make(long pid) throws GuestException {
        StubDirectory made = null;
        try {
            // Mode 0700, by the contract of this method.
            Path path = Files.createTempDirectory(PREFIX);
            Files.createFile(path.resolve(LOCK));
            made = hold(path).orElseThrow(() -> new IOException(path + " is in use"));
            Object user = Files.getAttribute(QemuProcess.directory(pid), "unix:uid");
            for (Path each : List.of(path, path.resolve(LOCK))) {
                if (!user.equals(Files.getAttribute(each, "unix:uid"))) {
                    Files.setAttribute(each, "unix:uid", user);
                }
            }
            return made;
        } catch (IOException e) {
            if (made != null) {
                made.remove();
            }
            throw new GuestException(
                    "cannot make a directory for QEMU's debug stub in " + System.getProperty("java.io.tmpdir") + ": "
                            + e.getMessage(),
                    e);
        }
    }

    /// Whether it is a stub that a run of Plumbline has started.
    ///
    /// @param endpoint the stub's, as `query-chardev` gives it
    static boolean isOfRun(String endpoint) {
        return ENDPOINT.matcher(endpoint).matches();
    }

    /// Takes hold of the directory of a stub that a run has started.
    ///
    /// @return empty if a run that lives holds it
    static Optional<StubDirectory> take(String endpoint) throws GuestException {
        Matcher matcher = ENDPOINT.matcher(endpoint);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(endpoint);
        }
        Path path = Path.of(matcher.group(2));
        boolean isConnected = matcher.group(1) == null;
        try {
            return hold(path);
        } catch (NoSuchFileException | NotDirectoryException _) {
            // Somebody has tidied up among temporary files.
            return isConnected ? Optional.empty() : Optional.of(new StubDirectory(path, null));
        } catch (AccessDeniedException e) {
            if (isConnected) {
                return Optional.empty();
            }
            throw new GuestException(
                    "no permission to enter " + path + ", where a killed run has left QEMU's debug stub; try as root",
                    e);
        } catch (IOException e) {
            throw new GuestException("cannot lock " + path + ", where QEMU's debug stub is: " + e.getMessage(), e);
        }
    }

    private static Optional<StubDirectory> hold(Path path) throws IOException {
        if (!HELD_HERE.add(path)) {
            return Optional.empty();
        }
        Path file = path.resolve(LOCK);
        FileChannel channel = null;
        boolean isHeld = false;
        try {
            channel = FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
            // Whoever held it may have removed it just now.
            isHeld = channel.tryLock() != null && Files.exists(file);
        } finally {
            if (!isHeld) {
                letGo(path, channel);
            }
        }
        return isHeld ? Optional.of(new StubDirectory(path, channel)) : Optional.empty();
    }

    /// Where the stub's socket is.
    Path socket() {
        return path.resolve(SOCKET);
    }

    /// Leaves it to the next who takes hold of it.
    void letGo() {
        letGo(path, lock);
    }

    private static void letGo(Path path, FileChannel lock) {
        try {
            if (lock != null) {
                lock.close();
            }
        } catch (IOException _) {
            // Closed it is all the same.
        } finally {
            HELD_HERE.remove(path);
        }
    }

    /// Deletes it.
    void remove() {
        try {
            Files.deleteIfExists(socket());
            Files.deleteIfExists(path.resolve(LOCK));
            Files.deleteIfExists(path);
        } catch (IOException _) {
            // A file left in a directory for temporary files harms nobody.
        } finally {
            letGo();
        }
    }
}
