package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// However patches lie to each other, memory is what writing one after the other makes of it.
@Tag("qemu")
@Timeout(value = 20, unit = TimeUnit.SECONDS)
class PatchRunsTest {
    private static final int SIZE = 2 << 20;
    private static final int RAM_MIB = 64;
    private static final PhysicalAddress START = new PhysicalAddress((long) RAM_MIB << 20).plus(-SIZE);

    /// @param distance mean distance of patches: in one run, some in runs, none
    @ParameterizedTest
    @ValueSource(ints = {0, 40, 4000, 60_000})
    void patchesAreWrittenAsIfOneByOne(int distance) throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (BareGuest guest = BareGuest.start("-m", "" + RAM_MIB, "-S");
                QemuMachine machine = QemuMachine.attach(guest.socket())) {
            byte[] expected = new byte[SIZE];
            random.nextBytes(expected);
            QemuMemory memory = (QemuMemory) machine.memory();
            memory.write(START, MemorySegment.ofArray(expected));

            List<CodePatch> patches = patches(random, distance);
            for (CodePatch patch : patches) {
                int offset = (int) (patch.address().value() - START.value());
                System.arraycopy(patch.bytes(), 0, expected, offset, patch.bytes().length);
            }
            new PatchRuns(memory, patches).write();

            byte[] now = new byte[SIZE];
            memory.read(START, MemorySegment.ofArray(now));
            assertThat(now).as("seed " + seed).isEqualTo(expected);
        }
    }

    // Ascending but for some steps back, some over each other, the last one up to the end of RAM.
    private static List<CodePatch> patches(Random random, int distance) {
        List<CodePatch> patches = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < 3000; i++) {
            byte[] bytes = new byte[1 + random.nextInt(300)];
            random.nextBytes(bytes);
            at = Math.max(0, Math.min(at, SIZE - bytes.length));
            patches.add(new CodePatch(START.plus(at), bytes));
            int step = bytes.length + (distance == 0 ? 0 : random.nextInt(2 * distance));
            at = random.nextInt(20) == 0 ? at - random.nextInt(1000) : (at + step) % SIZE;
        }
        patches.add(new CodePatch(START.plus(SIZE - 9), "up to end".getBytes()));
        return patches;
    }
}
