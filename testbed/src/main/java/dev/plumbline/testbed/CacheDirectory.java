package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;

/// What is costly to make is made once and kept in `$XDG_CACHE_HOME/plumbline`, else `~/.cache/plumbline`. An
/// entry is a file or a directory; it appears whole or not at all, and is made by one process at a time. All
/// methods may be called by several threads and processes at once.
final class CacheDirectory {
    /// A file lock holds between processes only; this one holds between the threads of this process.
    private static final ReentrantLock THREADS = new ReentrantLock();

    private final Path root;

    CacheDirectory(Path root) {
        this.root = root;
    }

    static CacheDirectory ofUser() {
        Path base = RuntimeDirectory.named("XDG_CACHE_HOME")
                .or(() -> RuntimeDirectory.named("HOME").map(home -> home.resolve(".cache")))
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache"));
        return new CacheDirectory(base.resolve("plumbline"));
    }

    /// Makes an entry at the path it is given, which does not exist yet.
    @FunctionalInterface
    interface Maker {
        void make(Path target) throws IOException;
    }

    /// The entry of that name, made now where it is not there yet.
    ///
    /// @param name relative path
    /// @throws GuestException if it cannot be made; nothing is left of the attempt
    Path entry(String name, Maker maker) throws GuestException {
        Path entry = root.resolve(name);
        if (Files.exists(entry)) {
            return entry;
        }
        THREADS.lock();
        try {
            Files.createDirectories(entry.getParent());
            try (FileChannel channel = FileChannel.open(
                            root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    var lock = channel.lock()) {
                if (lock.isValid() && !Files.exists(entry)) {
                    makeAside(entry, maker);
                }
            }
            return entry;
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException(
                    "cannot make cache entry " + entry + ": " + e
                            + "; if it is the directory, set XDG_CACHE_HOME to another",
                    e);
        } finally {
            THREADS.unlock();
        }
    }

    private static void makeAside(Path entry, Maker maker) throws IOException {
        Path aside = entry.resolveSibling(entry.getFileName() + ".new");
        FileTree.delete(aside);
        try {
            maker.make(aside);
            Files.move(aside, entry, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            FileTree.delete(aside);
        }
    }
}
