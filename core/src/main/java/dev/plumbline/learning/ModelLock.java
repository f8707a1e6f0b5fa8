package dev.plumbline.learning;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Held by the one run that may write a model: a lock on a file beside it, which is gone when nobody
/// holds it. After a kill the file may stay, and means nothing.
final class ModelLock implements AutoCloseable {
    private static final int TRIES = 100;

    // Locks are the process's, not the channel's: closing any channel of a file would let go of them.
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private final Path path;
    private final FileChannel channel;

    private ModelLock(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /// @param model the model's file, by its real path
    /// @throws ModelException if somebody else holds it
    static ModelLock take(Path model) throws IOException {
        Path path = model.resolveSibling(model.getFileName() + ".lock");
        if (HELD_HERE.add(path)) {
            FileChannel channel = null;
            try {
                channel = lock(path);
            } finally {
                if (channel == null) {
                    HELD_HERE.remove(path);
                }
            }
            if (channel != null) {
                return new ModelLock(path, channel);
            }
        }
        throw new ModelException(model + " is being written by another run: end that run first, or name another file");
    }

    // Whoever held it before removes the file; one that was opened before that is not the one the next run opens.
    private static FileChannel lock(Path path) throws IOException {
        for (int i = 0; i < TRIES; i++) {
            try {
                Object before = fileAt(path);
                FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE);
                if (channel.tryLock() == null) {
                    channel.close();
                    return null;
                }
                if (before.equals(fileAt(path))) {
                    return channel;
                }
                channel.close();
            } catch (NoSuchFileException _) {
                create(path);
            }
        }
        return null;
    }

    private static Object fileAt(Path path) throws IOException {
        return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    }

    private static void create(Path path) throws IOException {
        try {
            Files.createFile(path);
        } catch (FileAlreadyExistsException _) {
            // Another run was quicker.
        }
    }

    /// Lets go, and removes the file. Closing twice does nothing.
    @Override
    public void close() throws IOException {
        if (channel.isOpen()) {
            try {
                Files.deleteIfExists(path);
            } finally {
                channel.close();
                HELD_HERE.remove(path);
            }
        }
    }
}
