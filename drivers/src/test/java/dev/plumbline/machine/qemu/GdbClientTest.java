package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.qemu.FakeQmpServer.Script;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What a real QEMU does not say, or only at rare moments; the rest is in [QemuBreakpointsTest].
@Timeout(value = 20, unit = TimeUnit.SECONDS)
class GdbClientTest {
    private static final String MARK = "+" + packet("ENABLE=1,NOIRQ=2,NOTIMER=4");
    private static final List<String> TWO = List.of("Hg1", "g");

    @TempDir
    private Path directory;

    /// What is done with a client.
    private interface Use {
        void of(GdbClient gdb) throws GuestException;
    }

    @Test
    void stopsAndOldAnswersBeforeTheMarkArePassedOver() throws Exception {
        String stale = "+" + packet("OK") + packet("T02thread:01;");
        with(says(stale + MARK, "+" + packet("OK") + "+" + packet("abcd")), gdb -> {
            assertThat(gdb.interrupt()).isTrue();
            assertThat(gdb.exchange(TWO)).containsExactly("OK", "abcd");
            assertThat(gdb.traffic().packets()).isEqualTo(3);
            assertThat(gdb.traffic().roundTrips()).isEqualTo(2);
            assertThat(gdb.traffic().stops()).isEqualTo(1);
        });
        with(says(MARK), gdb -> assertThat(gdb.interrupt()).isFalse());
    }

    @Test
    void aStopInsteadOfAnAcknowledgementMeansThatThePacketWasPassedOver() throws Exception {
        with(says(packet("T02thread:01;") + "+" + packet("abcd"), MARK), gdb -> {
            assertThatThrownBy(() -> gdb.exchange(TWO)).hasMessageContaining("somebody else");
            assertThat(gdb.interrupt()).as("a stop meanwhile").isTrue();
        });
        with(
                says(packet("T02thread:01;")),
                gdb -> assertThatThrownBy(() -> gdb.exchangeAndRun(List.of(), "c"))
                        .hasMessageContaining("somebody else"));
    }

    @Test
    void aStopThatComesInPiecesIsPutTogether() throws Exception {
        with(
                client -> {
                    client.send("$T05thr");
                    Thread.yield();
                    client.send("ead:1f;#" + packet("T05thread:1f;").split("#")[1])
                            .hold();
                },
                gdb -> {
                    assertThat(gdb.arrives(Deadline.after(Duration.ofSeconds(10))))
                            .isTrue();
                    assertThat(gdb.stop()).isEqualTo(new StopReply(true, 0x1f));
                    assertThat(gdb.arrives(Deadline.after(Duration.ZERO))).isFalse();
                });
    }

    @Test
    void anEndIsTold() throws Exception {
        for (String end : List.of(packet("W00"), "")) {
            with(
                    client -> client.send(end),
                    gdb -> assertThatThrownBy(() -> {
                                gdb.arrives(Deadline.after(Duration.ofSeconds(10)));
                                gdb.stop();
                            })
                            .isInstanceOf(GuestGoneException.class));
        }
    }

    @Test
    void nonsenseIsAFaultInOneLine() throws Exception {
        for (String nonsense :
                List.of("+$OK#00", "+$" + "x".repeat(100_000), "-", packet("OK").repeat(20_000), "$OK#zz")) {
            with(
                    says(nonsense),
                    gdb -> assertThatThrownBy(gdb::interrupt)
                            .as(nonsense.substring(0, Math.min(20, nonsense.length())))
                            .isInstanceOf(GuestException.class)
                            .message()
                            .hasLineCount(1));
        }
        with(
                says("+" + packet("E22")),
                gdb -> assertThatThrownBy(() -> gdb.order(List.of("Hg1")))
                        .hasMessage("QEMU's debug stub refused 'Hg1': E22"));
        with(
                client -> client.send(packet("Tneverthread:01;")).hold(),
                gdb -> assertThatThrownBy(gdb::stop).hasMessageContaining("'Tneverthread:01;'"));
    }

    @Test
    void registersAreCheckedAndReadBackAsTheyAreWritten() throws Exception {
        for (String answer : List.of("", "E22", "00".repeat(179), "zz".repeat(200))) {
            assertThatThrownBy(() -> StubRegisters.parse(answer))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("when asked for registers");
        }
        StringBuilder answer = new StringBuilder();
        for (int i = 0; i < 180; i++) {
            answer.append("%02x".formatted(i));
        }
        assertThat(StubRegisters.parse(answer.toString()).state().general[1]).isEqualTo(0x1716_1514_1312_1110L);
        assertThat(StubRegisters.parse(answer.toString()).state().rip).isEqualTo(0x8786_8584_8382_8180L);
        assertThat(StubRegisters.writePacket(
                        StubRegisters.parse(answer.toString()).state()))
                .isEqualTo("G" + answer.substring(0, 280));
    }

    private void with(Script script, Use use) throws IOException {
        Path socket = directory.resolve("stub");
        try (FakeQmpServer _ = new FakeQmpServer(socket, script);
                UnixStream stream = UnixStream.connect(socket, Deadline.after(Duration.ofSeconds(5)))) {
            use.of(new GdbClient(stream));
        } finally {
            java.nio.file.Files.delete(socket);
        }
    }

    /// One text after each time that the client has sent something.
    private static Script says(String... texts) {
        return client -> {
            for (String text : texts) {
                client.awaitBytes().send(text);
            }
            client.hold();
        };
    }

    private static String packet(String data) {
        int sum = 0;
        for (byte value : data.getBytes(StandardCharsets.US_ASCII)) {
            sum += value;
        }
        return "$%s#%02x".formatted(data, sum & 0xff);
    }
}
