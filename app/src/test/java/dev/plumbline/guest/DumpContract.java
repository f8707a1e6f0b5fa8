package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.plumbline.kernel.KernelImage;
import dev.plumbline.machine.qemu.QmpClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A dump gives the same answers as the guest it was taken of, and a damaged one gives answers or one clear error.
interface DumpContract {
    long SEED = 61012;
    int HEADER_FAULTS = 15;
    int CONTENT_FAULTS = 15;
    int CONTENT_FAULT_BYTES = 1 << 16;
    Duration LIMIT = Duration.ofSeconds(20);
    /// The ELF header, the program headers and the notes are here.
    int HEADER_BYTES = 2048;

    GuestUnderTest guest();

    int cpus();

    @Test
    default void dumpGivesTheSameAnswers(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("dump");
        Snapshot live;
        try (QmpClient monitor = guest().monitor()) {
            monitor.execute("stop");
            try {
                guest().dump(file);
                live = guest().read(Snapshot::of);
            } finally {
                monitor.execute("cont");
            }
        }
        Snapshot dumped = GuestUnderTest.readDump(file, Snapshot::of);
        compare(live, dumped);
        if (cpus() == 1) {
            damageGivesAnswersOrOneError(file, live.image());
        }
    }

    static void compare(Snapshot live, Snapshot dumped) {
        assertThat(dumped.identity()).isEqualTo(live.identity());
        assertThat(dumped.image()).isEqualTo(live.image());
        assertThat(dumped.symbols().equals(live.symbols())).as("symbols").isTrue();
        assertThat(dumped.modules()).isEqualTo(live.modules()).isNotEmpty();
        assertThat(dumped.tasks()).isEqualTo(live.tasks()).isNotEmpty();
        assertThat(dumped.records().equals(live.records())).as("probe sites").isTrue();
        assertThat(dumped.systemCalls()).isEqualTo(live.systemCalls());
        assertThat(dumped.perCpu()).usingRecursiveComparison().isEqualTo(live.perCpu());
        assertThat(dumped.patchPlaces()).usingRecursiveComparison().isEqualTo(live.patchPlaces());
        assertThat(dumped.graph().functions().equals(live.graph().functions()))
                .as("functions")
                .isTrue();
        assertThat(dumped.graph().edges().equals(live.graph().edges()))
                .as("edges")
                .isTrue();
        assertThat(dumped.graph().indirectSites().equals(live.graph().indirectSites()))
                .as("indirect sites")
                .isTrue();
    }

    /// A stretch at a time is overwritten and put back: bytes of the headers, then pages of the kernel's image, which
    /// the file has about as far from its start as memory has it. At last the file is cut off more and more.
    /// A damaged header is noticed or harmless; what the image holds may change the answer, as it would the kernel.
    private static void damageGivesAnswersOrOneError(Path file, KernelImage image) throws IOException {
        Random random = new Random(SEED);
        JsonNode pristine = look(file).succeeded().json();
        int noticed = 0;
        try (FileChannel dump = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            for (int i = 0; i < HEADER_FAULTS; i++) {
                byte[] noise = {(byte) random.nextInt()};
                CommandRun run = damaged(dump, file, random.nextInt(HEADER_BYTES), noise);
                noticed += run.status();
                if (run.status() == 0) {
                    assertThat(withoutRegisters(run.json())).isEqualTo(withoutRegisters(pristine));
                }
            }
            for (int i = 0; i < CONTENT_FAULTS; i++) {
                byte[] noise = new byte[CONTENT_FAULT_BYTES];
                random.nextBytes(noise);
                CommandRun run = damaged(dump, file, image.physicalBase() + random.nextLong(image.sizeBytes()), noise);
                noticed += run.status();
                if (run.status() == 0) {
                    assertThat(run.json().path("textBase")).isEqualTo(pristine.path("textBase"));
                }
            }
            assertThat(noticed).as("faults that were noticed, seed %d", SEED).isPositive();
            for (long share : new long[] {2, 10, 1000, 1 << 20, 1 << 24, 1L << 40}) {
                dump.truncate(Files.size(file) / share);
                look(file).failed(1);
            }
        }
    }

    /// The headers hold the registers of the vCPUs, and nothing else that is shown.
    private static JsonNode withoutRegisters(JsonNode json) {
        ObjectNode copy = json.deepCopy();
        return copy.remove(List.of("cpuFeatures", "pagingLevels"));
    }

    private static CommandRun damaged(FileChannel dump, Path file, long at, byte[] noise) throws IOException {
        ByteBuffer before = ByteBuffer.allocate(noise.length);
        dump.read(before, at);
        dump.write(ByteBuffer.wrap(noise), at);
        CommandRun run = look(file).succeededOrFailed();
        dump.write(before.flip(), at);
        return run;
    }

    private static CommandRun look(Path file) {
        CommandRun run = CommandRun.of("inspect", "dump:" + file, "--json");
        assertThat(run.took()).isLessThan(LIMIT);
        return run;
    }
}
