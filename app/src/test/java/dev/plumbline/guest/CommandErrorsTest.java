package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a user gets to see who asks for what cannot be: the right exit code and one line.
@Timeout(60)
class CommandErrorsTest {
    private static final long SEED = 7;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "no-such-command",
                "inspect",
                "inspect a b",
                "inspect --no-such-option a",
                "callgraph",
                "callgraph a --depth many",
                "callgraph a --from",
                "vms a",
                "demo a",
                "testbed",
                "testbed no-such-command",
                "testbed up",
                "testbed up a --kernel 2.6",
                "testbed up a --cpus 0",
                "testbed up a --memory 1",
                "testbed exec a",
                "testbed down"
            })
    void wrongUsageIsCodeTwoAndOneLine(String line) {
        CommandRun.of(line.isEmpty() ? new String[0] : line.split(" ")).failed(2);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "no-such-guest-anywhere",
                "qemu:no-such-guest-anywhere",
                "qemu:",
                "qmp:",
                "dump:",
                "xen:",
                "",
                ":",
                "xyz:abc",
                "qmp:/no/such/socket",
                "dump:/no/such/file",
                "qmp:a\0b",
                "qmp:/",
                "dump:/",
                "dump:/dev/null",
                "dump:/proc/self/mem",
                "qemu:two\nlines"
            })
    void guestThatIsNotThereIsCodeOneAndOneLine(String vm) {
        CommandRun.of("inspect", vm).failed(1);
        CommandRun.of("callgraph", vm, "--json").failed(1);
    }

    @Test
    void domainOfAHostThatIsNotXenIsCodeOneAndOneLine() {
        assumeFalse(Files.exists(Path.of("/sys/hypervisor/type")), "a host on a hypervisor says which");
        for (String command : List.of("inspect", "detach", "trace")) {
            assertThat(CommandRun.of(command, "xen:any").failed(1).err())
                    .contains("does not run on Xen: run plumbline in dom0");
        }
    }

    @Test
    void plainFileIsNoSocket() throws IOException {
        CommandRun.of("inspect", "qmp:" + Files.writeString(directory.resolve("file"), "{}"))
                .failed(1);
    }

    @Test
    void socketNobodyListensAtIsSaidToBeDead() throws IOException {
        Path socket = directory.resolve("dead");
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket))
                .close();
        CommandRun.of("inspect", "qmp:" + socket).failed(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                "{}\n",
                "[1, 2]\n",
                "{\"QMP\": 1}\n",
                "{\"QMP\": {\"version\": {\"qemu\": {}}}}\n",
                "{\"return\": {}}\n{\"return\": {}}\n{\"return\": {}}\n",
                "\0\0\0\0\0\0\0\0\n",
                "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}\n{\"return\": {}, \"id\": 1}\n"
                        + "{\"return\": [], \"id\": 2}\n"
            })
    void whateverElseServesTheSocketIsNoQemu(String greeting) throws Exception {
        Path socket = directory.resolve("other");
        Thread speaker;
        try (ServerSocketChannel server =
                ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket))) {
            speaker = Thread.ofVirtual().start(() -> greetAndHangUp(server, greeting));
            CommandRun.of("inspect", "qmp:" + socket).failed(1);
        }
        speaker.join();
    }

    private static void greetAndHangUp(ServerSocketChannel server, String greeting) {
        try {
            while (true) {
                try (SocketChannel client = server.accept()) {
                    client.write(ByteBuffer.wrap(greeting.getBytes(StandardCharsets.ISO_8859_1)));
                    client.read(ByteBuffer.allocate(1000));
                }
            }
        } catch (IOException e) {
            // The test is over.
        }
    }

    @Test
    void serverThatNeverSpeaksIsGivenUpSoon() throws IOException {
        Path socket = directory.resolve("mute");
        try (ServerSocketChannel _ =
                ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket))) {
            CommandRun run = CommandRun.of("inspect", "qmp:" + socket).failed(1);
            assertThat(run.took().toSeconds()).isLessThan(5);
        }
    }

    @Test
    void fileThatIsNoDumpIsRefused() throws IOException {
        Random random = new Random(SEED);
        byte[] noise = new byte[8192];
        random.nextBytes(noise);
        assertRefused(noise);
        byte[] magic = {0x7f, 'E', 'L', 'F', 2, 1, 1};
        System.arraycopy(magic, 0, noise, 0, magic.length);
        assertRefused(noise);
        assertRefused(magic);
        assertRefused(new byte[0]);
        assertRefused(Files.readAllBytes(Path.of("/bin/true")));
    }

    private void assertRefused(byte[] content) throws IOException {
        CommandRun.of("inspect", "dump:" + Files.write(directory.resolve("dump"), content))
                .failed(1);
    }

    @Test
    void programEndsWithTheRightCode() throws Exception {
        SeparateRun program = SeparateRun.of(directory);
        program.run("--version").succeeded();
        program.run("vms", "--json").succeeded();
        program.run("inspect").failed(2);
        program.run("inspect", "dump:/no/such/file").failed(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"command/InspectCommand", "command/GuestNames", "report/PlainText"})
    void programThatIsBuiltAnewUnderneathSaysSo(String part) throws Exception {
        SeparateRun program = SeparateRun.of(directory).without("dev/plumbline/" + part + ".class");
        assertThat(program.run("inspect", "dump:/no/such/file").failed(1).err())
                .contains("a part of the program cannot be loaded", "run the command again");
    }

    @Test
    void whoMayNotReadIsToldSo() throws Exception {
        assumeTrue(Files.isReadable(Path.of("/proc/1/mem")), "only root can become somebody else");
        SeparateRun program = SeparateRun.of(directory).asNobody();
        Path dump = Files.write(directory.resolve("private"), new byte[100]);
        Files.setPosixFilePermissions(dump, PosixFilePermissions.fromString("rw-------"));
        assertThat(program.run("inspect", "dump:" + dump).failed(1).err()).contains("permission");
        Path socket = directory.resolve("private.sock");
        try (ServerSocketChannel _ =
                ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket))) {
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rwx------"));
            assertThat(program.run("inspect", "qmp:" + socket).failed(1).err()).contains("permission");
        }
    }
}
