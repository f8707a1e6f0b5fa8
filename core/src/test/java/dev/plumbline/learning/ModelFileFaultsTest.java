package dev.plumbline.learning;

import static dev.plumbline.learning.ModelFileTest.contents;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Processes that are killed, or have no room, while they write a model.
@Timeout(120)
class ModelFileFaultsTest {
    private static final long SEED = 20_260_109;
    private static final int KILLS = 8;
    private static final int LATEST_KILL_MILLIS = 150;
    // In KiB a file; SQLite's library, which is unpacked, and the first models fit.
    private static final String LIMITED = "ulimit -f 1400; exec \"$@\"";

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("model");
    }

    private void awaitHold(Process process) throws Exception {
        byte[] word = process.getInputStream().readNBytes("holds\n".length());
        assertThat(new String(word, StandardCharsets.US_ASCII))
                .as(Files.readString(directory.resolve("errors")))
                .isEqualTo("holds\n");
    }

    private static int rounds(Model model) {
        return (int) model.systemCallCount() / ModelWriterProcess.NAMES_OF_ROUND;
    }

    private Model assertIsOneThatWasWritten() throws Exception {
        Model model = ModelFile.read(file());
        assertThat(rounds(model)).isPositive();
        assertThat(contents(model)).isEqualTo(contents(ModelWriterProcess.model(rounds(model))));
        return model;
    }

    @Test
    void aKillAtAnyMomentLeavesTheLastCommit() throws Exception {
        try (ModelFile file = ModelFile.hold(file())) {
            file.replace(ModelWriterProcess.model(1));
        }
        Random random = new Random(SEED);
        int mostRounds = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            Process process = ModelWriterProcess.start(directory, List.of(), file(), Integer.MAX_VALUE);
            awaitHold(process);
            process.getInputStream().readNBytes(kill % 3);
            Thread.sleep(random.nextInt(LATEST_KILL_MILLIS));
            assertThat(process.isAlive()).isTrue();
            process.destroyForcibly().waitFor();
            mostRounds = Math.max(mostRounds, rounds(assertIsOneThatWasWritten()));
        }
        assertThat(mostRounds).isGreaterThanOrEqualTo(2);
    }

    @Test
    void oneProcessAtATimeMayWrite() throws Exception {
        Process process = ModelWriterProcess.start(directory, List.of(), file(), Integer.MAX_VALUE);
        awaitHold(process);
        assertThatThrownBy(() -> ModelFile.hold(file()))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining("another run");
        process.destroyForcibly().waitFor();
        ModelFile.hold(file()).close();
    }

    @Test
    void aFullDiskIsOneLineAndLeavesTheLastCommit() throws Exception {
        Process process = ModelWriterProcess.start(
                directory, List.of("bash", "-c", LIMITED, "limited"), file(), Integer.MAX_VALUE);
        awaitHold(process);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(1);
        assertThat(Files.readAllLines(directory.resolve("errors")))
                .singleElement()
                .satisfies(line -> assertThat(line)
                        .startsWith("cannot write " + file().toRealPath())
                        .endsWith("what was there before is intact"));
        assertThat(rounds(assertIsOneThatWasWritten())).isGreaterThan(1);
        assertThat(directory.resolve("model.new")).doesNotExist();
        assertThat(directory.resolve("model.lock")).doesNotExist();
    }

    @Test
    void aDirectoryThatCannotBeWrittenIsSaidAtOnce() {
        assertThatThrownBy(() -> ModelFile.hold(Path.of("/proc/model"))).isInstanceOf(IOException.class);
    }
}
