package dev.plumbline.callgraph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CallGraphFuzzTest {
    private static final long[] BASES = {0, 1, 0x1000, Long.MIN_VALUE, Long.MAX_VALUE - 500, -1, -700, -4096};

    @RepeatedTest(200)
    void anyBytesWithAnySymbolsMakeAGraphThatCanBeAsked(RepetitionInfo repetition) throws Exception {
        Random random = new Random(repetition.getCurrentRepetition());
        KernelCode code = randomCode(random);
        CallGraph graph = CallGraph.of(code, 1 + random.nextInt(3));
        for (Function function : graph.functions()) {
            int number = function.number();
            assertThat(graph.functionAt(function.address())).isEqualTo(number);
            assertThat(function.sizeBytes()).isBetween(0, function.extentBytes());
            assertThat(graph.names(number)).contains(function.name());
            assertThat(graph.callees(number)).allMatch(edge -> edge.source() == number);
            assertThat(graph.callers(number)).allMatch(edge -> edge.target() == number);
            assertThat(graph.indirectSites(number)).allMatch(site -> site.source() == number);
            assertThat(graph.reachableFrom(number).contains(number)).isTrue();
        }
        assertThat(graph.edges())
                .allMatch(edge -> edge.kind() != null && edge.patched().isEmpty());
        assertThat(graph.functionNamed("f1").isPresent())
                .isEqualTo(graph.functionsNamed("f1").findAny().isPresent());
    }

    @Test
    void theGraphIsTheSameForAnyNumberOfWorkers() throws Exception {
        KernelCode code = ElfCode.ofJvm().asKernel(0xffffffff81000000L);
        CallGraph alone = CallGraph.of(code, 1);
        CallGraph together = CallGraph.of(code, 3);
        assertThat(together.functions()).isEqualTo(alone.functions());
        assertThat(together.edges()).isEqualTo(alone.edges());
        assertThat(together.indirectSites()).isEqualTo(alone.indirectSites());
        assertThat(together.callees(1000)).isEqualTo(alone.callees(1000));
    }

    private static KernelCode randomCode(Random random) {
        List<CodeRegion> regions = new ArrayList<>();
        SymbolTableBuilder symbols = new SymbolTableBuilder(16);
        for (int i = random.nextInt(5); i >= 0; i--) {
            byte[] bytes = new byte[random.nextInt(2000)];
            random.nextBytes(bytes);
            long base = random.nextInt(4) == 0 ? random.nextLong() : BASES[random.nextInt(BASES.length)];
            regions.add(new CodeRegion(random.nextBoolean() ? null : "m" + i, base, MemorySegment.ofArray(bytes)));
            symbols.owner(random.nextBoolean() ? null : "m" + i);
            for (int symbol = random.nextInt(100); symbol > 0; symbol--) {
                long address = base + random.nextInt(-100, 2100);
                symbols.add(address, "tTwWdDrRbBAV".charAt(random.nextInt(12)), "f" + random.nextInt(50));
            }
        }
        long[] unsorted = random.longs(20).toArray();
        return new KernelCode(regions, symbols.build(), new PatchPlaces(unsorted, unsorted, unsorted, unsorted));
    }
}
