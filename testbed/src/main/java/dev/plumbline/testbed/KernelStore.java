package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Kernels unpacked from Debian's packages, one directory per series in the cache; none is installed on the host.
final class KernelStore {
    private static final long FETCH_LIMIT_SECONDS = 600;

    private final CacheDirectory cache;

    KernelStore(CacheDirectory cache) {
        this.cache = cache;
    }

    /// @param release what `uname -r` says
    /// @param image the bzImage
    /// @param modules the directory `/lib/modules/RELEASE` of the package
    record Kernel(String release, Path image, Path modules) {}

    /// The kernel of that series, fetched and unpacked where it is not there yet.
    ///
    /// @throws GuestException if it can be neither found nor fetched
    Kernel kernel(GuestKernel series) throws GuestException {
        Path unpacked = cache.entry("kernels/" + series.series(), target -> fetch(series, target));
        try (Stream<Path> modules = Files.list(unpacked.resolve("lib/modules"))) {
            Path directory = modules.findFirst().orElseThrow(() -> new IOException("no modules"));
            String release = directory.getFileName().toString();
            if (!release.startsWith(series.series() + ".")) {
                throw new GuestException("the kernel in " + unpacked + " is " + release + ", not " + series.series()
                        + ": this host's Debian names another so; Debian 12 is needed. Delete that directory");
            }
            return new Kernel(release, unpacked.resolve("boot/vmlinuz-" + release), directory);
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("the unpacked kernel in " + unpacked + " is damaged; delete that directory", e);
        }
    }

    private static void fetch(GuestKernel series, Path target) throws IOException {
        Files.createDirectories(target);
        HostCommand.output(target, FETCH_LIMIT_SECONDS, List.of("apt-get", "download", imagePackage(series)));
        try (Stream<Path> files = Files.list(target)) {
            Path archive = files.findFirst().orElseThrow(() -> new GuestException("apt-get download left no file"));
            HostCommand.output(target, FETCH_LIMIT_SECONDS, List.of("dpkg", "-x", archive.toString(), "."));
            Files.delete(archive);
        }
    }

    private static String imagePackage(GuestKernel series) throws GuestException {
        String name = dependency(series.metapackage());
        if (name.isEmpty() && RuntimeDirectory.userId() == 0) {
            HostCommand.output(Path.of("/"), FETCH_LIMIT_SECONDS, List.of("apt-get", "update"));
            name = dependency(series.metapackage());
        }
        if (name.isEmpty()) {
            throw new GuestException(
                    "package " + series.metapackage() + " is not known to apt; run apt-get update on a Debian 12 host");
        }
        return name;
    }

    private static String dependency(String metapackage) throws GuestException {
        HostCommand.Result result = HostCommand.run(Path.of("/"), 60, List.of("apt-cache", "depends", metapackage));
        return new String(result.stdout(), StandardCharsets.UTF_8)
                .lines()
                .map(String::strip)
                .filter(line -> line.startsWith("Depends: linux-image-"))
                .map(line -> line.substring("Depends: ".length()))
                .findFirst()
                .orElse("");
    }
}
