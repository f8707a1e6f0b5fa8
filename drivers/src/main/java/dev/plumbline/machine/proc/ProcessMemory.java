package dev.plumbline.machine.proc;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The memory of another process, through `/proc/PID/mem` (proc(5)).
///
/// The open file stands for the address space and not for the process id, so another process that later gets the
/// same id is never touched: once the process has ended, reads find the end of the file. Opened for reading only
/// until something is written. For one thread at a time; interrupting that thread closes it.
public final class ProcessMemory implements Closeable {
    private static final int STAGING_BYTES = 1 << 20;
    private static final long LARGEST_TRANSFER = 1 << 30;

    private final long pid;
    private final FileChannel readable;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment staging = arena.allocate(STAGING_BYTES, 64);
    private FileChannel writable;

    private ProcessMemory(long pid, FileChannel readable) {
        this.pid = pid;
        this.readable = readable;
    }

    /// Opens the memory of a process for reading.
    ///
    /// @throws GuestGoneException if there is no such process
    /// @throws GuestException if this process may not read it
    public static ProcessMemory open(long pid) throws GuestException {
        return new ProcessMemory(pid, open(pid, StandardOpenOption.READ));
    }

    /// Opens the memory of a process for reading, and makes sure that it can be read at `address`.
    ///
    /// @throws GuestException as [#open(long)] and [#checkAlive]; nothing stays open then
    public static ProcessMemory openAt(long pid, long address) throws GuestException {
        ProcessMemory memory = open(pid);
        try {
            memory.checkAlive(address);
            return memory;
        } catch (GuestException e) {
            memory.close();
            throw e;
        }
    }

    /// Which process this is the memory of.
    public long pid() {
        return pid;
    }

    /// Fills `destination` with the bytes from `address` on.
    ///
    /// @throws GuestGoneException if the process has ended
    /// @throws GuestException if some of it is not mapped
    public void read(long address, MemorySegment destination) throws GuestException {
        long size = destination.byteSize();
        long chunk = destination.isNative() ? LARGEST_TRANSFER : STAGING_BYTES;
        for (long done = 0; done < size; done += chunk) {
            MemorySegment part = destination.asSlice(done, Math.min(chunk, size - done));
            if (destination.isNative()) {
                transfer(address + done, part.asByteBuffer(), readable, FileChannel::read);
            } else {
                MemorySegment staged = staging.asSlice(0, part.byteSize());
                transfer(address + done, staged.asByteBuffer(), readable, FileChannel::read);
                part.copyFrom(staged);
            }
        }
    }

    /// Writes all of `source` to `address` and on.
    ///
    /// @throws GuestGoneException if the process has ended
    /// @throws GuestException if some of it is not mapped, or writing is not allowed; part may have been written
    public void write(long address, MemorySegment source) throws GuestException {
        if (writable == null) {
            writable = open(pid, StandardOpenOption.WRITE);
            checkAlive(address);
        }
        long size = source.byteSize();
        for (long done = 0; done < size; done += STAGING_BYTES) {
            MemorySegment part = source.asSlice(done, Math.min(STAGING_BYTES, size - done));
            ByteBuffer staged =
                    staging.asSlice(0, part.byteSize()).copyFrom(part).asByteBuffer();
            transfer(address + done, staged, writable, FileChannel::write);
        }
    }

    /// Makes sure that the process has not ended, by a read of one byte.
    ///
    /// @param address one that the process has mapped
    /// @throws GuestGoneException if it has ended
    /// @throws GuestException if `address` is not mapped
    public void checkAlive(long address) throws GuestException {
        transfer(address, staging.asSlice(0, 1).asByteBuffer(), readable, FileChannel::read);
    }

    @Override
    public void close() throws GuestException {
        try (FileChannel _ = readable;
                FileChannel _ = writable) {
            if (arena.scope().isAlive()) {
                arena.close();
            }
        } catch (IOException e) {
            throw new GuestException("cannot close the memory of process " + pid, e);
        }
    }

    private interface Transfer {
        int once(FileChannel channel, ByteBuffer bytes, long position) throws IOException;
    }

    private void transfer(long address, ByteBuffer bytes, FileChannel channel, Transfer transfer)
            throws GuestException {
        if (address < 0) {
            // The kernel's half, which no process has; a file position cannot say it either.
            throw failed(address, null);
        }
        try {
            while (bytes.hasRemaining()) {
                if (transfer.once(channel, bytes, address + bytes.position()) <= 0) {
                    throw gone(null);
                }
            }
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw failed(address + bytes.position(), e);
        }
    }

    private GuestException failed(long address, IOException cause) {
        if (!channelsOpen()) {
            return new GuestException("the memory of process " + pid + " was closed while in use", cause);
        }
        if (!ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false)) {
            return gone(cause);
        }
        return new GuestException(
                "cannot reach address 0x" + Long.toHexString(address) + " in process " + pid
                        + "; if its memory layout has changed, attach again",
                cause);
    }

    private boolean channelsOpen() {
        return readable.isOpen() && (writable == null || writable.isOpen());
    }

    private GuestGoneException gone(IOException cause) {
        return new GuestGoneException("the guest is gone: process " + pid + " has ended", cause);
    }

    private static FileChannel open(long pid, StandardOpenOption how) throws GuestException {
        Path file = Path.of("/proc/" + pid + "/mem");
        try {
            return FileChannel.open(file, how);
        } catch (NoSuchFileException e) {
            throw new GuestGoneException("the guest is gone: there is no process " + pid, e);
        } catch (AccessDeniedException e) {
            throw new GuestException(
                    "no permission to reach the memory of process " + pid + " (" + file
                            + "): run as root or with CAP_SYS_PTRACE",
                    e);
        } catch (IOException e) {
            throw new GuestException("cannot open " + file + ": " + e.getMessage(), e);
        }
    }
}
