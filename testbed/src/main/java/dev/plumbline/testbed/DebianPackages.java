package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Debian packages that are unpacked and not installed, by apt and dpkg of this host.
final class DebianPackages {
    private static final long FETCH_LIMIT_SECONDS = 600;
    private static final long QUERY_LIMIT_SECONDS = 60;

    private DebianPackages() {}

    /// What a package depends on and whose name begins so, alternatives included. Where apt does not know the
    /// package its lists are brought up to date first, which only root can do.
    ///
    /// @throws GuestException if there is none
    static List<String> dependencies(String name, String... prefixes) throws GuestException {
        List<String> found = known(name, prefixes);
        if (found.isEmpty() && RuntimeDirectory.userId() == 0) {
            HostCommand.output(Path.of("/"), FETCH_LIMIT_SECONDS, List.of("apt-get", "update"));
            found = known(name, prefixes);
        }
        if (found.isEmpty()) {
            throw new GuestException(
                    "package " + name + " is not known to apt; run apt-get update on a Debian 12 host");
        }
        return found;
    }

    private static List<String> known(String name, String... prefixes) throws GuestException {
        HostCommand.Result result =
                HostCommand.run(Path.of("/"), QUERY_LIMIT_SECONDS, List.of("apt-cache", "depends", name));
        return new String(result.stdout(), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.replace('|', ' ').strip())
                .filter(line -> line.startsWith("Depends: "))
                .map(line -> line.substring("Depends: ".length()))
                .filter(dependency -> Stream.of(prefixes).anyMatch(dependency::startsWith))
                .toList();
    }

    /// Fetches a package and unpacks it.
    ///
    /// @param target an existing directory, which holds no file but directories
    /// @throws IOException if it cannot be fetched or unpacked
    static void unpack(String name, Path target) throws IOException {
        HostCommand.output(target, FETCH_LIMIT_SECONDS, List.of("apt-get", "download", name));
        try (Stream<Path> files = Files.list(target)) {
            Path archive = files.filter(Files::isRegularFile)
                    .findFirst()
                    .orElseThrow(() -> new GuestException("apt-get download left no file"));
            HostCommand.output(target, FETCH_LIMIT_SECONDS, List.of("dpkg", "-x", archive.toString(), "."));
            Files.delete(archive);
        }
    }
}
