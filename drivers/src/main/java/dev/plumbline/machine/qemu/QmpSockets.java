package dev.plumbline.machine.qemu;

import dev.plumbline.machine.proc.UnixSockets;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/// What the system's table of sockets says of one socket.
final class QmpSockets {

    private QmpSockets() {}

    /// The entries of the table that can be this socket and the connections to it.
    static List<UnixSockets.Entry> at(Path socket, UnixSockets sockets) {
        Path absolute = socket.toAbsolutePath().normalize();
        Path real = real(absolute);
        return sockets.withPath(path -> isAt(path, absolute, real));
    }

    /// Whether the server has accepted a connection there.
    static boolean inUse(Path socket, UnixSockets sockets) {
        return at(socket, sockets).stream().anyMatch(UnixSockets.Entry::connected);
    }

    /// A path in the table may be relative to the server's directory: then as much as there is of it is compared.
    private static boolean isAt(String inTable, Path absolute, Path real) {
        try {
            Path path = Path.of(inTable).normalize();
            return path.isAbsolute()
                    ? path.equals(absolute) || real(path).equals(real)
                    : absolute.endsWith(path) || real.endsWith(path);
        } catch (InvalidPathException _) {
            return false;
        }
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException _) {
            return path;
        }
    }
}
