package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/// Xen as Debian 12 packages it, unpacked in the cache. It is never installed: that would make the host boot it.
final class XenPackages {
    private static final String SERIES = "4.17";

    /// The hypervisor, the programs of dom0, and the libraries they need that other hosts do not have.
    private static final List<String> NAMES = List.of(
            "xen-hypervisor-" + SERIES + "-amd64",
            "xen-utils-" + SERIES,
            "xenstore-utils",
            "libxenmisc" + SERIES,
            "libxencall1",
            "libxendevicemodel1",
            "libxenevtchn1",
            "libxenforeignmemory1",
            "libxengnttab1",
            "libxenhypfs1",
            "libxenstore4",
            "libxentoolcore1",
            "libxentoollog1",
            "libyajl2");

    /// How ldd tells where the dynamic linker finds a library: `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`.
    private static final Pattern FOUND = Pattern.compile("\\s*(\\S+) => (/\\S+) \\(0x[0-9a-f]+\\)");

    /// Where Xen's own programs are, which look for one another there.
    static final String PROGRAMS = "usr/lib/xen-" + SERIES + "/bin";

    private static final String LIBRARIES = "usr/lib/x86_64-linux-gnu";

    private final Path root;

    private XenPackages(Path root) {
        this.root = root;
    }

    /// @throws GuestException if a package can be neither found nor fetched
    static XenPackages of(CacheDirectory cache) throws GuestException {
        return new XenPackages(cache.entry("xen/" + SERIES, XenPackages::fetch));
    }

    private static void fetch(Path target) throws IOException {
        Files.createDirectories(target);
        for (String name : NAMES) {
            DebianPackages.unpack(name, target);
        }
        Path packed = target.resolve("boot/xen-" + SERIES + "-amd64.gz");
        try (var content = new GZIPInputStream(new ByteArrayInputStream(Files.readAllBytes(packed)))) {
            Files.copy(content, target.resolve("boot/xen"));
        }
    }

    /// The hypervisor as a multiboot program.
    Path hypervisor() {
        return root.resolve("boot/xen");
    }

    /// A program of dom0.
    ///
    /// @throws GuestException if the packages have none of that name
    Path program(String name) throws GuestException {
        return Stream.of(PROGRAMS, "usr/bin", "usr/sbin")
                .map(directory -> root.resolve(directory).resolve(name))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(
                        () -> new GuestException("there is no " + name + " in " + root + "; delete that directory"));
    }

    /// Where each library is that the programs need, and that the libraries need in turn, by the name they ask for.
    /// What is not in the packages is this host's own.
    ///
    /// @throws GuestException if one is missing
    SequencedMap<String, Path> libraries(List<Path> programs) throws GuestException {
        SequencedMap<String, Path> found = new TreeMap<>();
        for (Path program : programs) {
            byte[] listed = HostCommand.output(
                    root, 60, List.of("env", "LD_LIBRARY_PATH=" + root.resolve(LIBRARIES), "ldd", program.toString()));
            for (String line :
                    new String(listed, StandardCharsets.UTF_8).lines().toList()) {
                Matcher library = FOUND.matcher(line);
                if (line.contains("not found")) {
                    throw new GuestException(program + " needs a library that is missing: " + line.strip());
                } else if (library.matches()) {
                    found.put(library.group(1), Path.of(library.group(2)));
                }
            }
        }
        return found;
    }

    /// The library of that name, of the packages.
    Path library(String name) {
        return root.resolve(LIBRARIES).resolve(name);
    }
}
