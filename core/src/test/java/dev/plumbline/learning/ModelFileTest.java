package dev.plumbline.learning;

import static dev.plumbline.learning.SketchWorkload.READ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class ModelFileTest {
    private static final long SEED = 20_260_107;
    private static final int FLIPS = 300;

    @TempDir
    private Path directory;

    private Path file() {
        // What URLs give a meaning to must have none.
        return directory.resolve("a model?mode=memory&x=%41 #1.plm");
    }

    private static Model learnt(int rounds) throws Exception {
        Learner learner = new Learner(SketchWorkload.IDENTITY);
        SketchWorkload workload = new SketchWorkload(learner);
        for (int round = 0; round < rounds; round++) {
            workload.read(round % 3 == 0 ? "proc_read" : "ext4_read")
                    .open(round % 7 == 0)
                    .interrupt()
                    .work();
        }
        workload.read("copy").finish();
        return learner.model(rounds);
    }

    private void write(Model model) throws IOException {
        try (ModelFile file = ModelFile.hold(file())) {
            file.replace(model);
        }
    }

    /// All that is in a model, as text.
    static String contents(Model model) {
        StringBuilder text = new StringBuilder(model.buildId() + model.banner() + model.losses() + model.callCount());
        text.append(model.modules());
        for (ContextModel each : model.contexts().values()) {
            text.append('\n').append(each.context()).append(each.flowCount()).append(each.unseen());
            text.append(each.functions()).append(each.edges()).append(each.paths());
        }
        return text.toString();
    }

    @Test
    void whatIsReadIsWhatWasWrittenAndOneFile() throws Exception {
        Model model = learnt(20);
        write(model);
        assertThat(contents(ModelFile.read(file()))).isEqualTo(contents(model));
        assertThat(model.modules()).containsExactly("fat", "nls_?[31m");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(file());
        }
    }

    @Test
    void learningGoesOnAsIfItHadNotEnded() throws Exception {
        write(learnt(20));
        Learner goingOn = new Learner(ModelFile.read(file()));
        SketchWorkload more = new SketchWorkload(goingOn);
        more.read("copy").read("tick").finish();

        Learner atOnce = new Learner(SketchWorkload.IDENTITY);
        SketchWorkload all = new SketchWorkload(atOnce);
        for (int round = 0; round < 20; round++) {
            all.read(round % 3 == 0 ? "proc_read" : "ext4_read")
                    .open(round % 7 == 0)
                    .interrupt()
                    .work();
        }
        all.read("copy").read("copy").read("tick").finish();
        assertThat(contents(goingOn.model(0))).isEqualTo(contents(atOnce.model(20)));
    }

    @Test
    void theFileKeepsItsPermissionsAndLinksStayLinks() throws Exception {
        write(learnt(1));
        Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString("rw-------"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), file());
        try (ModelFile held = ModelFile.hold(link)) {
            held.replace(learnt(2));
        }
        assertThat(link).isSymbolicLink();
        assertThat(contents(ModelFile.read(file()))).isEqualTo(contents(learnt(2)));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
    }

    @Test
    void oneRunAtATimeMayWrite() throws Exception {
        try (ModelFile _ = ModelFile.hold(file())) {
            assertThatThrownBy(() -> ModelFile.hold(file()))
                    .isInstanceOf(ModelException.class)
                    .hasMessageContaining("another run");
        }
        ModelFile.hold(file()).close();
    }

    @Test
    void whatIsNoModelIsOneClearLine() throws Exception {
        assertThatThrownBy(() -> ModelFile.read(file())).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> ModelFile.read(directory)).hasMessageContaining("no regular file");
        Files.writeString(file(), "");
        assertThatThrownBy(() -> ModelFile.read(file())).hasMessageContaining("is no model");
        Files.writeString(file(), "not a model ".repeat(1000));
        assertThatThrownBy(() -> ModelFile.read(file())).hasMessageContaining("is no model");
    }

    @Test
    void headersOfOtherFilesAndNewerFormatsAreTold() throws Exception {
        write(learnt(3));
        byte[] good = Files.readAllBytes(file());
        patch(good, 68, 0x0f05_5112);
        assertThatThrownBy(() -> ModelFile.read(file())).hasMessageContaining("SQLite file of something else");
        patch(good, 60, 1);
        assertThatThrownBy(() -> ModelFile.read(file())).hasMessageContaining("learn anew");
        patch(good, 60, ModelSchema.FORMAT + 1);
        assertThatThrownBy(() -> ModelFile.read(file())).hasMessageContaining("use a newer one");
    }

    private void patch(byte[] good, int offset, int value) throws IOException {
        byte[] bytes = good.clone();
        ByteBuffer.wrap(bytes).putInt(offset, value);
        Files.write(file(), bytes);
    }

    @Test
    void aTruncatedFileIsDamaged() throws Exception {
        write(learnt(5));
        byte[] good = Files.readAllBytes(file());
        for (int size : List.of(100, 4096, good.length / 2, good.length - 1)) {
            Files.write(file(), Arrays.copyOf(good, size));
            assertThatThrownBy(() -> ModelFile.read(file()))
                    .isInstanceOf(ModelException.class)
                    .hasMessageContaining("is damaged");
        }
    }

    @Test
    void flippedBitsNeverMakeAnotherModel() throws Exception {
        Model model = learnt(20);
        write(model);
        byte[] good = Files.readAllBytes(file());
        Random random = new Random(SEED);
        int told = 0;
        for (int flip = 0; flip < FLIPS; flip++) {
            int at = random.nextInt(good.length);
            try (RandomAccessFile access = new RandomAccessFile(file().toFile(), "rw")) {
                access.seek(at);
                access.write(good[at] ^ 1 << random.nextInt(8));
            }
            String read = null;
            try {
                read = contents(ModelFile.read(file()));
            } catch (ModelException e) {
                told++;
                assertThat(e.getMessage()).startsWith(file().toString()).hasLineCount(1);
            }
            assertThat(read).as("flip %d at %d, seed %d", flip, at, SEED).isIn(null, contents(model));
            Files.write(file(), good);
        }
        assertThat(told).isPositive();
    }

    @Test
    void aModelIsOfOneBuild() throws Exception {
        Model model = learnt(1);
        model.verifyIsOf(SketchWorkload.IDENTITY.buildId(), "it");
        assertThatThrownBy(() -> model.verifyIsOf("00c0ffee", "web1.plm"))
                .isInstanceOf(ModelException.class)
                .hasMessageStartingWith("web1.plm is of another kernel build (6.1.0-sketch, build id b01dface)");
    }

    @Test
    void readIsKnownAgain() throws Exception {
        write(learnt(10));
        assertThat(ModelFile.read(file()).context(READ)).isPresent();
    }
}
