package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// Kernels unpacked from Debian's packages, one directory per series in the cache; none is installed on the host.
final class KernelStore {
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
        return kernel("kernels/" + series.series(), series.series(), series.metapackage());
    }

    /// Debian 12's kernel for real machines, which can be dom0 of Xen; those for the cloud cannot.
    ///
    /// @throws GuestException if it can be neither found nor fetched
    Kernel dom0() throws GuestException {
        return kernel("kernels/dom0", "6.1", "linux-image-amd64");
    }

    private Kernel kernel(String entry, String series, String metapackage) throws GuestException {
        Path unpacked = cache.entry(entry, target -> fetch(metapackage, target));
        try (Stream<Path> modules = Files.list(unpacked.resolve("lib/modules"))) {
            Path directory = modules.findFirst().orElseThrow(() -> new IOException("no modules"));
            String release = directory.getFileName().toString();
            if (!release.startsWith(series + ".")) {
                throw new GuestException("the kernel in " + unpacked + " is " + release + ", not " + series
                        + ": this host's Debian names another so; Debian 12 is needed. Delete that directory");
            }
            return new Kernel(release, unpacked.resolve("boot/vmlinuz-" + release), directory);
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("the unpacked kernel in " + unpacked + " is damaged; delete that directory", e);
        }
    }

    private static void fetch(String metapackage, Path target) throws IOException {
        Files.createDirectories(target);
        DebianPackages.unpack(
                DebianPackages.dependencies(metapackage, "linux-image-").getFirst(), target);
    }
}
