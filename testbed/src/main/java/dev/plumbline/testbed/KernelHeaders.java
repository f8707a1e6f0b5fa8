package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What Debian ships to build modules for a kernel, unpacked in the cache: the headers of its configuration,
/// those common to all configurations, and the build scripts. The links between the three are relative; only a
/// makefile names an absolute path, and is written anew.
final class KernelHeaders {
    private final CacheDirectory cache;

    KernelHeaders(CacheDirectory cache) {
        this.cache = cache;
    }

    /// The directory that `make -C` is to be run in, fetched and unpacked where it is not there yet.
    ///
    /// @param release what `uname -r` says
    /// @throws GuestException if the packages of exactly this kernel cannot be had
    Path buildDirectory(String release) throws GuestException {
        return cache.entry("headers/" + release, target -> fetch(release, target))
                .resolve("usr/src/linux-headers-" + release);
    }

    private static void fetch(String release, Path target) throws IOException {
        String configured = "linux-headers-" + release;
        Files.createDirectories(target);
        try {
            String common = "";
            for (String needed : DebianPackages.dependencies(configured, "linux-headers-", "linux-kbuild-")) {
                DebianPackages.unpack(needed, target);
                common = needed.startsWith("linux-headers-") ? needed : common;
            }
            DebianPackages.unpack(configured, target);
            Files.writeString(
                    target.resolve("usr/src/" + configured + "/Makefile"), "include ../" + common + "/Makefile\n");
        } catch (IOException e) {
            throw new GuestException(
                    "cannot fetch the headers of kernel " + release + ": " + e.getMessage()
                            + "; if Debian has a newer one by now, delete the kernels in the cache",
                    e);
        }
    }
}
