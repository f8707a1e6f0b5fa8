package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 20, unit = TimeUnit.SECONDS)
class QmpClientTest {
    private static final Duration SHORT = Duration.ofMillis(400);

    @TempDir
    private Path directory;

    @Test
    void anAnswerIsFoundAmongEventsAndLateAnswers() throws Exception {
        try (FakeQmpServer _ = serve(client -> client.greet()
                        .awaitCommand()
                        .send("{\"event\": \"RESET\", \"data\": {}}\r\n\r\n{\"return\": 5, \"id\": 0}\n")
                        .send("{\"return\": {\"status\": \"paused\"}, \"id\": ID}\r\n")
                        .hold());
                QmpClient qmp = connect()) {
            assertThat(qmp.qemuVersion()).isEqualTo("9.8.7");
            assertThat(qmp.execute("query-status").get("status").text()).isEqualTo("paused");
        }
    }

    @Test
    void runsThatQemuTellsOfAreCountedWithoutWaitingForMore() throws Exception {
        try (FakeQmpServer _ = serve(client -> client.greet()
                        .send("{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\n")
                        .awaitCommand()
                        .send("{\"event\": \"RESUME\"}\r\n{\"return\": {}, \"id\": ID}\r\n")
                        .send("{\"event\": \"RESUME\"}\r\n{\"eve")
                        .awaitCommand()
                        .send("nt\": \"RESUME\"}\r\n{\"return\": {}, \"id\": ID}\r\n")
                        .hold());
                QmpClient qmp = connect()) {
            qmp.execute("cont");
            assertThat(qmp.resumes()).isBetween(2L, 3L);
            while (qmp.resumes() < 3) {
                Thread.onSpinWait();
            }
            assertThat(qmp.resumes()).isEqualTo(3);
            qmp.execute("cont");
            assertThat(qmp.resumes()).isEqualTo(4);
        }
    }

    @Test
    void anAnswerInPiecesIsPutTogether() throws Exception {
        String text = "x".repeat(200_000);
        try (FakeQmpServer _ = serve(client -> {
                    client.greet().awaitCommand().send("{\"ret");
                    Thread.yield();
                    client.send("urn\": \"" + text + "\", \"id\": ID}\r")
                            .send("\n")
                            .hold();
                });
                QmpClient qmp = connect()) {
            assertThat(qmp.monitor("info something")).isEqualTo(text);
        }
    }

    @Test
    void aRefusalNamesTheCommandAndQemusReasonInOneLine() throws Exception {
        try (FakeQmpServer _ = serve(client -> client.greet()
                        .awaitCommand()
                        .send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\\nway\"}, \"id\": ID}\r\n")
                        .hold());
                QmpClient qmp = connect()) {
            assertThatThrownBy(() -> qmp.execute("stop", Map.of("a", 1)))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("refused 'stop': no way");
        }
    }

    @Test
    void aServerThatClosesInsteadOfAnsweringIsGone() throws Exception {
        try (FakeQmpServer _ = serve(client -> client.greet().awaitCommand().send("{\"return\": "));
                QmpClient qmp = connect()) {
            assertThatThrownBy(() -> qmp.execute("stop")).isInstanceOf(GuestGoneException.class);
        }
    }

    @Test
    void anAnswerThatDoesNotComeEndsTheWait() throws Exception {
        try (FakeQmpServer _ = serve(client -> client.greet().hold());
                QmpClient qmp = connect()) {
            assertThatThrownBy(() -> qmp.execute("stop"))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("did not answer 'stop' within 400 ms");
        }
    }

    @Test
    void eventsWithoutEndDoNotExtendTheWait() throws Exception {
        try (FakeQmpServer _ = serve(client -> {
                    client.greet();
                    while (true) {
                        client.send("{\"event\": \"RESET\"}\r\n");
                    }
                });
                QmpClient qmp = connect()) {
            assertThatThrownBy(() -> qmp.execute("stop")).hasMessageContaining("did not answer 'stop'");
        }
    }

    @Test
    void aLineWithoutEndIsCutOff() throws Exception {
        try (FakeQmpServer _ = serve(client -> {
            while (true) {
                client.send("x".repeat(1 << 20));
            }
        })) {
            assertThatThrownBy(() -> QmpClient.connect(socket())).hasMessageContaining("is not a QMP socket");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SSH-2.0-OpenSSH\r\n",
                "{\"QMP\": \r\n",
                "[1, 2]\n",
                "5\n",
                "\u0000\u0001\u0002\n",
                "{\"QMP\": 5}\n",
                "{\"return\": {}}\n",
                "(qemu) \n"
            })
    void whatSendsNoGreetingIsNotQmp(String greeting) throws Exception {
        try (FakeQmpServer _ = serve(client -> client.send(greeting).hold())) {
            assertThatThrownBy(this::connect)
                    .isExactlyInstanceOf(GuestException.class)
                    .hasMessageContaining(socket().toString())
                    .hasMessageContaining("is not a QMP socket");
        }
    }

    @Test
    void deeplyNestedJsonIsNoStackOverflow() throws Exception {
        try (FakeQmpServer _ =
                serve(client -> client.send("[".repeat(1_000_000) + "\n").hold())) {
            assertThatThrownBy(this::connect).hasMessageContaining("is not a QMP socket");
        }
    }

    @Test
    void aServerThatClosesAtOnceIsNotQmp() throws Exception {
        try (FakeQmpServer _ = serve(_ -> {})) {
            assertThatThrownBy(this::connect).hasMessageContaining("closed the connection");
        }
    }

    @Test
    void aSilentServerIsNotQmp() throws Exception {
        try (FakeQmpServer _ = serve(FakeQmpServer.Client::hold)) {
            // This server has accepted our own connection, which is not distinguishable from another client's.
            assertThatThrownBy(this::connect).isExactlyInstanceOf(GuestException.class);
        }
    }

    @Test
    void aFullQueueEndsTheWait() throws Exception {
        try (ServerSocketChannel busy = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            busy.bind(UnixDomainSocketAddress.of(socket()), 1);
            for (int i = 0; i < 3; i++) {
                assertThatThrownBy(this::connect)
                        .isExactlyInstanceOf(GuestException.class)
                        .hasMessageContaining("sends no greeting");
            }
        }
    }

    @Test
    void noSuchSocketAndNotASocketAreSaid() throws IOException {
        assertThatThrownBy(this::connect).hasMessageContaining("there is no socket " + socket());
        Files.writeString(socket(), "text");
        assertThatThrownBy(this::connect).hasMessageContaining("is not a socket");
        assertThatThrownBy(() -> QmpClient.connect(directory)).hasMessageContaining("is not a socket");
    }

    @Test
    void aSocketNobodyListensOnIsOfAGuestThatIsGone() throws Exception {
        serve(_ -> {}).close();
        assertThatThrownBy(this::connect).isInstanceOf(GuestGoneException.class).hasMessageContaining("nobody listens");
    }

    @Test
    void aPathTooLongForASocketIsSaid() throws Exception {
        Path deep = directory.resolve("d".repeat(120));
        Files.createDirectory(deep);
        try (FakeQmpServer _ = serve(client -> client.greet().hold())) {
            Files.move(socket(), deep.resolve("q"));
            assertThatThrownBy(() -> QmpClient.connect(deep.resolve("q"))).hasMessageContaining("symbolic link");
        }
    }

    private FakeQmpServer serve(FakeQmpServer.Script script) throws IOException {
        return new FakeQmpServer(socket(), script);
    }

    private QmpClient connect() throws GuestException {
        return QmpClient.connect(socket(), SHORT, SHORT);
    }

    private Path socket() {
        return directory.resolve("q");
    }
}
