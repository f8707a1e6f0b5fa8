package dev.plumbline.machine.dump;

import dev.plumbline.machine.GuestException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A dump as a run of bytes. Read by position and not mapped, so that a file that somebody truncates is an
/// error like any other. For one thread at a time; interrupting that thread closes it.
final class DumpFile implements Closeable {
    private static final int STAGING_BYTES = 1 << 20;
    private static final long LARGEST_TRANSFER = 1 << 30;

    private final Path path;
    private final FileChannel channel;
    private final long sizeBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment staging = arena.allocate(STAGING_BYTES, 64);

    private DumpFile(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.sizeBytes = channel.size();
    }

    /// @throws GuestException if there is no such file, or it may not be read
    static DumpFile open(Path path) throws GuestException {
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            throw new GuestException("dump " + path + " is not a file: name a file that QMP dump-guest-memory wrote");
        }
        try {
            FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
            try {
                return new DumpFile(path, channel);
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (NoSuchFileException e) {
            throw new GuestException("there is no dump " + path + ": name a file that QMP dump-guest-memory wrote", e);
        } catch (AccessDeniedException e) {
            throw new GuestException("no permission to read dump " + path + ": run as a user who may", e);
        } catch (IOException e) {
            throw new GuestException("cannot open dump " + path + ": " + e.getMessage(), e);
        }
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /// Reads a part of the file that is known to be small.
    ///
    /// @throws GuestException if the file does not have all of it
    MemorySegment read(long offset, long lengthBytes, String what) throws GuestException {
        check(offset, lengthBytes, what);
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(lengthBytes)]);
        read(offset, bytes);
        return bytes;
    }

    /// Makes sure that the file has these bytes.
    void check(long offset, long lengthBytes, String what) throws GuestException {
        if (offset < 0 || lengthBytes < 0 || offset > sizeBytes - lengthBytes) {
            throw damaged("its " + what + " should be " + lengthBytes + " bytes at offset " + offset + " of "
                    + sizeBytes + "; it was truncated or corrupted");
        }
    }

    /// Fills `destination` with the bytes from `offset` on.
    void read(long offset, MemorySegment destination) throws GuestException {
        long size = destination.byteSize();
        long chunk = destination.isNative() ? LARGEST_TRANSFER : STAGING_BYTES;
        for (long done = 0; done < size; done += chunk) {
            MemorySegment part = destination.asSlice(done, Math.min(chunk, size - done));
            if (destination.isNative()) {
                fill(part.asByteBuffer(), offset + done);
            } else {
                MemorySegment staged = staging.asSlice(0, part.byteSize());
                fill(staged.asByteBuffer(), offset + done);
                part.copyFrom(staged);
            }
        }
    }

    /// The exception that says that this file is damaged.
    GuestException damaged(String how) {
        return new GuestException("dump " + path + " is damaged: " + how + "; take it again");
    }

    @Override
    public void close() throws GuestException {
        try (FileChannel _ = channel) {
            if (arena.scope().isAlive()) {
                arena.close();
            }
        } catch (IOException e) {
            throw new GuestException("cannot close dump " + path, e);
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }

    private void fill(ByteBuffer bytes, long offset) throws GuestException {
        try {
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, offset + bytes.position()) < 0) {
                    throw damaged("it ends at offset " + (offset + bytes.position()) + "; it was truncated meanwhile");
                }
            }
        } catch (GuestException e) {
            throw e;
        } catch (ClosedChannelException e) {
            throw new GuestException("dump " + path + " was closed while in use", e);
        } catch (IOException e) {
            throw new GuestException("cannot read dump " + path + ": " + e.getMessage(), e);
        }
    }
}
