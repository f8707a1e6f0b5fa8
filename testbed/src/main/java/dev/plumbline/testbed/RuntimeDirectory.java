package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/// Where running guests keep their sockets: `$XDG_RUNTIME_DIR/plumbline/testbed`, else `/run/plumbline/testbed`
/// for root, else `/tmp/plumbline-UID/testbed`.
final class RuntimeDirectory {
    private RuntimeDirectory() {}

    static int userId() throws GuestException {
        try {
            return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        } catch (IOException e) {
            throw new GuestException("cannot tell the user's id: /proc/self is unreadable", e);
        }
    }

    static Path ofUser() throws GuestException {
        int uid = userId();
        return named("XDG_RUNTIME_DIR")
                .map(directory -> directory.resolve("plumbline"))
                .orElse(Path.of(uid == 0 ? "/run/plumbline" : "/tmp/plumbline-" + uid))
                .resolve("testbed");
    }

    /// The directory that a variable of the environment names. A relative path is none (XDG Base Directory
    /// Specification).
    static Optional<Path> named(String variable) {
        return Optional.ofNullable(System.getenv(variable)).map(Path::of).filter(Path::isAbsolute);
    }

    /// Makes the directory with all above it, for this user alone.
    ///
    /// @throws GuestException if that fails, or if its parent belongs to somebody else
    static void create(Path directory) throws GuestException {
        var ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        try {
            Files.createDirectories(directory, ownerOnly);
            Path parent = directory.getParent();
            if ((Integer) Files.getAttribute(parent, "unix:uid", LinkOption.NOFOLLOW_LINKS) != userId()) {
                throw new GuestException(
                        parent + " belongs to another user; set XDG_RUNTIME_DIR to a directory of yours");
            }
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException(
                    "cannot make the directory " + directory + ": " + e
                            + "; set XDG_RUNTIME_DIR to a directory of yours",
                    e);
        }
    }
}
