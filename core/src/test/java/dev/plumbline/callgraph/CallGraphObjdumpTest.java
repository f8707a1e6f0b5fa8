package dev.plumbline.callgraph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.kernel.SymbolTableBuilder;
import dev.plumbline.x86.InstructionDecoder;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The graph has exactly the direct edges that `objdump -d` finds, in 17 MB of compiled code.
@Timeout(180)
class CallGraphObjdumpTest {
    private static final long BASE = 0xffffffff81000000L;

    @Test
    void functionsOfARealProgramHaveTheEdgesThatObjdumpFinds() throws Exception {
        KernelCode code = ElfCode.ofJvm().asKernel(BASE);
        CallGraph graph = CallGraph.of(code);
        assertThat(graph.functionCount()).isGreaterThan(10_000);
        assertThat(graph.edgeCount()).isGreaterThan(100_000);
        assertThat(ObjdumpEdges.differences(code, graph)).isEmpty();
    }

    @Test
    void severalRegionsWithSymbolsAtAnyInstructionHaveTheEdgesThatObjdumpFinds() throws Exception {
        byte[] text = Arrays.copyOf(ElfCode.ofJvm().text(), 1 << 21);
        List<CodeRegion> regions = List.of(
                new CodeRegion(null, BASE, MemorySegment.ofArray(text).asSlice(0, 1 << 20)),
                new CodeRegion(
                        "module",
                        0xffffffffc0000000L,
                        MemorySegment.ofArray(text).asSlice(1 << 20)));
        SymbolTable symbols = symbolsAtInstructions(regions, new Random(1));
        KernelCode code = new KernelCode(regions, symbols, PatchPlaces.NONE);
        assertThat(ObjdumpEdges.differences(code, CallGraph.of(code))).isEmpty();
    }

    // Code entered in the middle of an instruction is garbage at first, and about garbage two decoders may differ:
    // Zydis knows instructions of Xeon Phi, objdump prints some that every processor refuses.
    @Test
    void symbolsInTheMiddleOfInstructionsLeaveAlmostAllEdgesAsObjdumpFindsThem() throws Exception {
        byte[] text = Arrays.copyOf(ElfCode.ofJvm().text(), 1 << 21);
        CodeRegion region = new CodeRegion(null, BASE, MemorySegment.ofArray(text));
        KernelCode code = SyntheticSymbols.add(
                new KernelCode(List.of(region), new SymbolTableBuilder(0).build(), PatchPlaces.NONE), 1);
        CallGraph graph = CallGraph.of(code);
        assertThat(ObjdumpEdges.differences(code, graph)).hasSizeLessThan(graph.edgeCount() / 4000);
    }

    private static SymbolTable symbolsAtInstructions(List<CodeRegion> regions, Random random) throws Exception {
        SymbolTableBuilder symbols = new SymbolTableBuilder(10_000);
        InstructionDecoder decoder = new InstructionDecoder();
        for (CodeRegion region : regions) {
            int size = (int) region.bytes().byteSize();
            byte[] code = new byte[size + InstructionDecoder.LOOKAHEAD_BYTES];
            MemorySegment.copy(region.bytes(), 0, MemorySegment.ofArray(code), 0, size);
            for (int at = 0; at < size; at += InstructionDecoder.length(decoder.decode(code, at, size))) {
                if (random.nextInt(60) == 0) {
                    symbols.add(region.baseAddress() + at, 't', "f" + at);
                }
            }
        }
        return symbols.build();
    }
}
