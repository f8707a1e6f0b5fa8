package dev.plumbline.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.report.AlertJson;
import dev.plumbline.report.MonitorSummary;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What was written of an alert is whole lines, whatever came between.
@Timeout(60)
class AlertFileTest {
    private static final AlertJson JSON = new AlertJson("qemu:web1");

    @TempDir
    private Path directory;

    /// A disk that is full every other time, after a few bytes.
    private static final class CrampedChannel implements WritableByteChannel {
        private final ByteArrayOutputStream written = new ByteArrayOutputStream();
        private boolean isFull;

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            isFull = !isFull;
            if (!isFull) {
                throw new IOException("No space left on device");
            }
            byte[] some = new byte[Math.min(100, bytes.remaining())];
            bytes.get(some);
            written.writeBytes(some);
            return some.length;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }

    private interface Writing {
        void run() throws IOException;
    }

    private static void untilItSucceeds(Writing writing) {
        boolean isDone = false;
        while (!isDone) {
            try {
                writing.run();
                isDone = true;
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("No space left");
            }
        }
    }

    @Test
    void whatWasWrittenInPartIsGoneOnWith() {
        CrampedChannel channel = new CrampedChannel();
        AlertFile file = new AlertFile("a disk", () -> channel, JSON);
        MonitorSummary summary = new MonitorSummary(1, 2, Map.of(), 3, 4, 5);
        file.endWith(summary);
        untilItSucceeds(() -> file.tell(RaisedAlerts.of("one")));
        untilItSucceeds(() -> file.tell(RaisedAlerts.of("two")));
        untilItSucceeds(file::end);
        String expected =
                JSON.alert(RaisedAlerts.of("one")) + JSON.alert(RaisedAlerts.of("two")) + JSON.summary(summary);
        assertThat(channel.written).hasToString(expected);
    }

    @Test
    void aClosedPipeAndAFullDiskAreFaults() throws IOException {
        Pipe pipe = Pipe.open();
        pipe.source().close();
        try (Pipe.SinkChannel sink = pipe.sink();
                FileOutputStream full = new FileOutputStream("/dev/full")) {
            assertThatThrownBy(() -> new AlertFile("a pipe", () -> sink, JSON).tell(RaisedAlerts.of("one")))
                    .hasMessageContaining("Broken pipe");
            assertThatThrownBy(() -> new AlertFile("a disk", full::getChannel, JSON).tell(RaisedAlerts.of("one")))
                    .hasMessageContaining("No space left");
        }
    }

    @Test
    void aFileIsAppendedToAndMadeWithItsDirectory() throws IOException {
        Path path = directory.resolve("some").resolve("alerts.jsonl");
        AlertFile.appendingTo(path, JSON).tell(RaisedAlerts.of("one"));
        AlertFile.appendingTo(path, JSON).tell(RaisedAlerts.of("two"));
        List<String> lines = Files.readAllLines(path);
        assertThat(lines).hasSize(2);
        assertThat(lines.getLast()).contains("two");
    }
}
