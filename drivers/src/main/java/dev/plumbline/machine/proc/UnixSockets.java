package dev.plumbline.machine.proc;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// The unix-domain sockets of this host with a path, from `/proc/net/unix` (proc(5), unix(7)). A snapshot; immutable.
///
/// A line there is `Num RefCount Protocol Flags Type St Inode Path`, all but inode and path in hexadecimal. The
/// listening socket has the flag `__SO_ACCEPTCON`; each accepted connection appears once more under the same path.
public final class UnixSockets {
    private static final int FLAG_ACCEPTS = 0x10000;
    private static final int STATE_CONNECTED = 3;
    private static final int COLUMNS = 8;

    private final List<Entry> entries;

    /// One socket.
    ///
    /// @param inode its number, as in the links under `/proc/PID/fd`
    /// @param listening whether it accepts connections
    /// @param connected whether it is a connection that the server has accepted
    /// @param path as the server gave it: may be relative to a directory that only the server knows
    public record Entry(long inode, boolean listening, boolean connected, String path) {}

    private UnixSockets(List<Entry> entries) {
        this.entries = List.copyOf(entries);
    }

    /// The sockets of this network namespace now; none where they cannot be seen.
    public static UnixSockets now() {
        try {
            // Anybody may name a socket with any bytes: what is no text must not hide the others.
            byte[] table = Files.readAllBytes(Path.of("/proc/net/unix"));
            return parse(new String(table, Charset.forName(System.getProperty("sun.jnu.encoding"))));
        } catch (IOException _) {
            return new UnixSockets(List.of());
        }
    }

    static UnixSockets parse(String table) {
        List<Entry> entries = new ArrayList<>();
        table.lines().skip(1).forEach(line -> {
            String[] columns = line.strip().split(" +", COLUMNS);
            if (columns.length == COLUMNS && !columns[7].startsWith("@")) {
                parseColumns(columns, entries);
            }
        });
        return new UnixSockets(entries);
    }

    /// The sockets with a path that `matches`.
    public List<Entry> withPath(Predicate<String> matches) {
        return entries.stream().filter(entry -> matches.test(entry.path())).toList();
    }

    /// The socket with this number.
    public Stream<Entry> withInode(long inode) {
        return entries.stream().filter(entry -> entry.inode() == inode);
    }

    /// The number of the socket that a file descriptor of a process is, if it is one and this process may see it.
    public static OptionalLong inodeOf(Path fileDescriptor) {
        try {
            String target = Files.readSymbolicLink(fileDescriptor).toString();
            if (target.startsWith("socket:[") && target.endsWith("]")) {
                return OptionalLong.of(Long.parseLong(target.substring("socket:[".length(), target.length() - 1)));
            }
        } catch (IOException | NumberFormatException _) {
            // It was closed meanwhile, or is not ours to see.
        }
        return OptionalLong.empty();
    }

    private static void parseColumns(String[] columns, List<Entry> entries) {
        try {
            int flags = Integer.parseUnsignedInt(columns[3], 16);
            int state = Integer.parseUnsignedInt(columns[5], 16);
            boolean listening = (flags & FLAG_ACCEPTS) != 0;
            entries.add(new Entry(
                    Long.parseLong(columns[6]), listening, !listening && state == STATE_CONNECTED, columns[7]));
        } catch (NumberFormatException _) {
            // Not a line of the table as documented: no socket to be found by it.
        }
    }
}
