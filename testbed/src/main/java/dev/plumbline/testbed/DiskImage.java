package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Disks made of directories, for guests to read: an ext4 file system without a journal and nothing around it.
final class DiskImage {
    private static final long MIB = 1 << 20;
    private static final long LIMIT_SECONDS = 300;

    private DiskImage() {}

    /// Makes an image that holds what is below a directory. Everything keeps its owner, mode and time.
    ///
    /// @throws GuestException if `mkfs.ext4` fails
    static void make(Path directory, Path image) throws IOException {
        // Metadata and the ends of blocks take less than a tenth, and 16 MiB where there is little.
        long sizeMib = sizeOf(directory) * 11 / 10 / MIB + 16;
        HostCommand.output(
                Path.of("/"),
                LIMIT_SECONDS,
                List.of(
                        HostPackages.find("mkfs.ext4")
                                .orElseThrow(() -> new GuestException("there is no mkfs.ext4 on this host"))
                                .toString(),
                        "-q",
                        "-F",
                        "-O",
                        "^has_journal",
                        "-d",
                        directory.toString(),
                        image.toString(),
                        sizeMib + "M"));
    }

    private static long sizeOf(Path directory) throws IOException {
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.filter(Files::isRegularFile)
                    .mapToLong(file -> {
                        try {
                            return Files.size(file);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .sum();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
