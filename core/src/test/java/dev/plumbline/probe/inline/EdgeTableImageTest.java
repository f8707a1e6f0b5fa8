package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.plumbline.probe.EdgeContext;
import dev.plumbline.probe.KnownEdge;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The image is what the recorder's own code makes of the same edges, in the same order.
@Timeout(60)
class EdgeTableImageTest {
    private static final long TEXT = 0xffff_ffff_8100_0000L;
    private static final EdgeTable TABLE = new EdgeTable(0xffff_8880_0000_0000L, 0x9e37_79b9_7f4a_7c15L);

    private static List<KnownEdge> edges(Random random, int count) {
        int[] calls = {
            EdgeContext.FROM_USER_MODE,
            EdgeContext.INTERRUPT_STACK,
            EdgeContext.KERNEL_THREAD,
            0,
            1,
            257,
            415,
            418,
            462,
            EdgeContext.CALL_32,
            EdgeContext.CALL_32 + 3,
            EdgeContext.CALL_32 + 462
        };
        List<KnownEdge> edges = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long site = TEXT + random.nextInt(1 << 24);
            long caller = TEXT + random.nextInt(1 << 24);
            long from = random.nextInt(50) == 0 ? caller & 0xffff_c900_ffff_ffffL : caller;
            edges.add(new KnownEdge(site, from, calls[random.nextInt(calls.length)]));
        }
        return edges;
    }

    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    @ParameterizedTest
    @ValueSource(ints = {1, 1_000, 100_000})
    void itIsWhatTheRecorderWrites(int count) throws Throwable {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (RecorderQuestion recorder = new RecorderQuestion(random.nextLong() | 1)) {
            List<KnownEdge> edges = edges(random, count);
            EdgeTableImage image = new EdgeTableImage(recorder.table(), List.of());
            for (int i = 0; i < 2 * count; i++) {
                KnownEdge edge = edges.get(random.nextInt(count));
                assertThat(image.meet(edge))
                        .as("whether %s is new, seed %d", edge, seed)
                        .isEqualTo(recorder.meet(edge));
            }
            assertThat(image.bytes()).as("table, seed %d", seed).isEqualTo(recorder.tableBytes());
        }
    }

    @Test
    void whatIsKnownIsNotNewInItsSystemCallAlone() {
        KnownEdge edge = new KnownEdge(TEXT, TEXT + 0x1005, 0);
        EdgeTableImage image = new EdgeTableImage(TABLE, List.of(edge));
        assertThat(image.edgeCount()).isEqualTo(1);
        assertThat(image.meet(edge)).isFalse();
        assertThat(image.meet(new KnownEdge(TEXT, TEXT + 0x1005, 1))).isTrue();
        assertThat(image.meet(new KnownEdge(TEXT, TEXT + 0x1006, 0))).isTrue();
        assertThat(image.meet(new KnownEdge(TEXT + 1, TEXT + 0x1005, 0))).isTrue();
        assertThat(image.edgeCount()).isEqualTo(4);
    }

    @Test
    void whereThereIsNoRoomTheLatestAreKnown() {
        List<KnownEdge> edges = edges(new Random(1), 400_000);
        EdgeTableImage image = new EdgeTableImage(TABLE, edges);
        assertThat(image.edgeCount()).isBetween(1 << 15, EdgeTable.WORDS);
        assertThat(edges.reversed().stream().filter(EdgeTable::isKept).limit(4)).noneMatch(image::meet);
    }

    @Test
    void whatHasNoRowOfItsOwnIsRefused() {
        KnownEdge edge = new KnownEdge(TEXT, TEXT, EdgeContext.NO_SUCH_CALL);
        assertThatIllegalArgumentException().isThrownBy(() -> new EdgeTableImage(TABLE, List.of(edge)));
    }
}
