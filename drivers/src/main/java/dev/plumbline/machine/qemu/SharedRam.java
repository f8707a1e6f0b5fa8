package dev.plumbline.machine.qemu;

import dev.plumbline.machine.proc.ProcessMapping;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;

/// Guest RAM whose back-end is a shared file (`memory-backend-memfd` or `-file` with `share=on`), mapped for reading.
///
/// The file is found through the descriptor that QEMU keeps of it. It is mapped only when it is as long as
/// QEMU's mapping, and [#intact()] tells whether it still is: touching a page behind the end of a file is a
/// fatal fault.
final class SharedRam implements Closeable {
    private final FileChannel file;
    private final Arena arena = Arena.ofShared();
    private final long neededBytes;
    private final MemorySegment bytes;

    private SharedRam(FileChannel file, ProcessMapping mapping) throws IOException {
        this.file = file;
        this.neededBytes = mapping.fileOffset() + mapping.end() - mapping.start();
        if (!intact()) {
            throw new IOException("the file is shorter than what is mapped of it");
        }
        this.bytes =
                file.map(FileChannel.MapMode.READ_ONLY, mapping.fileOffset(), mapping.end() - mapping.start(), arena);
    }

    /// Maps what `mapping` of process `pid` maps; nothing where that is impossible, so that the process's
    /// memory has to be read instead.
    static Optional<SharedRam> map(long pid, ProcessMapping mapping) {
        if (!mapping.shared() || mapping.inode() == 0) {
            return Optional.empty();
        }
        try {
            Optional<Path> descriptor = descriptor(pid, mapping);
            return descriptor.isPresent() ? Optional.of(open(descriptor.get(), mapping)) : Optional.empty();
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    /// Maps what `mapping` says of `file`.
    static SharedRam open(Path file, ProcessMapping mapping) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            return new SharedRam(channel, mapping);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /// The mapped bytes, as long as the process's mapping.
    MemorySegment bytes() {
        return bytes;
    }

    /// Whether the file is as long as it was.
    boolean intact() throws IOException {
        return file.size() >= neededBytes;
    }

    @Override
    public void close() {
        try (FileChannel _ = file) {
            arena.close();
        } catch (IOException _) {
            // Only read from: nothing is lost.
        }
    }

    private static Optional<Path> descriptor(long pid, ProcessMapping mapping) throws IOException {
        try (DirectoryStream<Path> descriptors =
                Files.newDirectoryStream(QemuProcess.directory(pid).resolve("fd"))) {
            for (Path descriptor : descriptors) {
                if (isOf(descriptor, mapping)) {
                    return Optional.of(descriptor);
                }
            }
        }
        return Optional.empty();
    }

    private static boolean isOf(Path descriptor, ProcessMapping mapping) {
        try {
            if (!Files.readSymbolicLink(descriptor).toString().equals(mapping.path())) {
                return false;
            }
            Map<String, Object> file = Files.readAttributes(descriptor, "unix:dev,ino");
            return (long) file.get("ino") == mapping.inode()
                    && deviceName((long) file.get("dev")).equals(mapping.device());
        } catch (IOException _) {
            return false;
        }
    }

    /// As in /proc/PID/maps, from the number that stat(2) gives (makedev(3)).
    private static String deviceName(long device) {
        long major = device >>> 8 & 0xfff;
        long minor = device & 0xff | device >>> 12 & 0xfff00;
        return String.format("%02x:%02x", major, minor);
    }
}
