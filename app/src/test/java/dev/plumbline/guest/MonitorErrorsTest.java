package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.learning.SketchWorkload;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What `monitor` says of models it cannot use, before it looks for a guest, and leaves as they are.
@Timeout(60)
class MonitorErrorsTest {
    private static final int VERSION_OFFSET = 60;

    @TempDir
    private Path directory;

    private Path file;
    private byte[] good;

    /// A model of a kernel that no guest runs.
    static void writeModelOfAnother(Path path) throws Exception {
        Learner learner = new Learner(SketchWorkload.IDENTITY);
        SketchWorkload workload = new SketchWorkload(learner);
        workload.read("ext4_read").work();
        workload.finish();
        Model model = learner.model(0);
        try (ModelFile held = ModelFile.hold(path)) {
            held.replace(model);
        }
    }

    @BeforeEach
    void write() throws Exception {
        file = directory.resolve("model");
        writeModelOfAnother(file);
        good = Files.readAllBytes(file);
    }

    private void assertRefused(byte[] contents, String... said) throws IOException {
        Files.write(file, contents);
        CommandRun run = CommandRun.of("monitor", "qemu:nobody", "--model", file.toString());
        assertThat(run.failed(1).err()).contains(file.toString()).contains(said);
        assertThat(file).hasBinaryContent(contents);
    }

    @Test
    void damagedModelsAreRefused() throws IOException {
        assertRefused(Arrays.copyOf(good, good.length - 4096), "is damaged", "restore it from a copy, or learn anew");
        assertRefused(Arrays.copyOf(good, 50), "is no model");
        assertRefused(new byte[0], "is no model");
        byte[] corrupt = good.clone();
        Arrays.fill(corrupt, 4096, good.length, (byte) 0x5a);
        assertRefused(corrupt, "is damaged");
    }

    @Test
    void newerFormatsAreRefused() throws IOException {
        byte[] newer = good.clone();
        ByteBuffer.wrap(newer).putInt(VERSION_OFFSET, 1000);
        assertRefused(newer, "has format 1000", "use a newer one");
    }

    @Test
    void aModelThatIsNotThereIsNamed() {
        assertThat(CommandRun.of("monitor", "qemu:nobody", "--model", "/no/such/model")
                        .failed(1)
                        .err())
                .contains("/no/such/model");
    }

    @Test
    void wrongUsageIsOneLine() {
        String model = file.toString();
        CommandRun.of("monitor", "nobody").failed(2);
        CommandRun.of("monitor", "nobody", "--model", model, "--severity", "grave")
                .failed(2);
        CommandRun.of("monitor", "nobody", "--model", model, "--on-alert-from", "grave")
                .failed(2);
        CommandRun.of("monitor", "nobody", "--model", model, "--mode", "lossless")
                .failed(2);
        assertThat(CommandRun.of("monitor", "nobody", "--model", model, "--on-alert", "puase")
                        .failed(2)
                        .err())
                .contains("pause, dump or a shell command", "'puase'");
        assertThat(CommandRun.of("monitor", "qemu:nobody", "--model", model)
                        .failed(1)
                        .err())
                .contains("nobody");
    }
}
