package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedCollection;
import java.util.stream.Stream;

/// The Debian packages of the host without which no guest can be made, and those for kernel modules of our own.
final class HostPackages {
    /// A program, or a file where the path is absolute, and the package it comes from.
    private static final Map<String, String> FOR_GUESTS = forGuests();

    /// What the kernel's build scripts need beside those.
    private static final Map<String, String> FOR_MODULES = Map.of(
            "make", "make", "x86_64-linux-gnu-gcc-12", "gcc-12", "/usr/lib/x86_64-linux-gnu/libelf.so.1", "libelf1");

    /// What Xen's hosts and domains need beside those for guests.
    private static final Map<String, String> FOR_XEN =
            Map.of("mkfs.ext4", "e2fsprogs", "ld", "binutils", "ldd", "libc-bin");

    private HostPackages() {}

    private static Map<String, String> forGuests() {
        Map<String, String> packages = new LinkedHashMap<>();
        packages.put("qemu-system-x86_64", "qemu-system-x86");
        packages.put("busybox", "busybox-static");
        packages.put("gcc", "gcc");
        packages.put("/usr/lib/x86_64-linux-gnu/libc.a", "libc6-dev");
        packages.put("apt-get", "apt");
        packages.put("dpkg", "dpkg");
        return packages;
    }

    /// Passes if everything is there that guests need.
    ///
    /// @throws GuestException naming the command that installs what is missing
    static void check() throws GuestException {
        check(FOR_GUESTS, "test guests");
    }

    /// Passes if everything is there that kernel modules are built with.
    ///
    /// @throws GuestException naming the command that installs what is missing
    static void checkForModules() throws GuestException {
        check(FOR_MODULES, "kernel modules for test guests");
    }

    /// Passes if everything is there that Xen under QEMU needs.
    ///
    /// @throws GuestException naming the command that installs what is missing
    static void checkForXen() throws GuestException {
        check();
        check(FOR_XEN, "Xen under QEMU");
    }

    private static void check(Map<String, String> packages, String purpose) throws GuestException {
        SequencedCollection<String> missing = packages.entrySet().stream()
                .filter(entry -> find(entry.getKey()).filter(HostPackages::fits).isEmpty())
                .map(Map.Entry::getValue)
                .sorted()
                .toList();
        if (!missing.isEmpty()) {
            throw new GuestException(
                    purpose + " need host packages that are missing: apt-get install --no-install-recommends "
                            + String.join(" ", missing));
        }
    }

    /// Whether a file can serve: a busybox that needs shared libraries cannot run in a guest that has none.
    private static boolean fits(Path file) {
        try {
            return !file.endsWith("busybox")
                    || !Files.readString(file, StandardCharsets.ISO_8859_1).contains("/lib64/ld-linux");
        } catch (IOException e) {
            return false;
        }
    }

    /// Where a program is, as the shell would find it.
    static Optional<Path> find(String program) {
        return Stream.of((System.getenv("PATH") + ":/usr/sbin:/sbin").split(":"))
                .map(directory -> Path.of(directory).resolve(program))
                .filter(Files::exists)
                .findFirst();
    }
}
