package dev.plumbline.machine.proc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.proc.UnixSockets.Entry;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketsTest {
    private static final String TABLE = """
            Num       RefCount Protocol Flags    Type St Inode Path
            0000000003b7934c: 00000002 00000000 00010000 0001 01 11862 /run/a b
            000000005b9c8e1f: 00000003 00000000 00000000 0001 03 11863 /run/a b
            000000005b9c8e20: 00000003 00000000 00000000 0001 03 11864
            000000005b9c8e21: 00000003 00000000 00000000 0001 02     0 /run/a b
            000000005b9c8e22: 00000003 00000000 00000000 0001 03 11865 @/tmp/.X11
            rubbish
            x: 1 2 zz 4 5 6 /run/a b
            """;

    @TempDir
    private Path directory;

    @Test
    void linesAreReadAsTheManualSays() {
        assertThat(UnixSockets.parse(TABLE).withPath(path -> true))
                .containsExactly(
                        new Entry(11862, true, false, "/run/a b"),
                        new Entry(11863, false, true, "/run/a b"),
                        new Entry(0, false, false, "/run/a b"));
        assertThat(UnixSockets.parse(TABLE).withInode(11863)).hasSize(1);
        assertThat(UnixSockets.parse("").withPath(path -> true)).isEmpty();
    }

    @Test
    void aConnectionCountsOnlyOnceItIsAccepted() throws IOException {
        Path path = directory.resolve("s");
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(address);
            try (SocketChannel _ = SocketChannel.open(address)) {
                assertThat(UnixSockets.now().withPath(path.toString()::equals)).noneMatch(Entry::connected);
                try (SocketChannel _ = server.accept()) {
                    assertThat(UnixSockets.now().withPath(path.toString()::equals))
                            .anyMatch(Entry::connected);
                }
            }
        }
    }
}
