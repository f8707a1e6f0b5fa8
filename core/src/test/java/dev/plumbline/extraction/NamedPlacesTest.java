package dev.plumbline.extraction;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.CodeSketch;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NamedPlacesTest {
    private static final long MODULE = CodeSketch.BASE + 0x4000_0000L;

    private static CallGraph graph() throws Exception {
        SymbolTableBuilder symbols = new SymbolTableBuilder(8);
        symbols.add(CodeSketch.BASE, 'T', "open");
        symbols.add(CodeSketch.BASE + 0x20, 't', "twice");
        symbols.add(CodeSketch.BASE + 0x40, 't', "twice");
        symbols.owner("fat");
        symbols.add(MODULE, 't', "open");
        symbols.add(MODULE + 0x10, 't', "odd+0x1 name");
        KernelCode code = new KernelCode(
                List.of(
                        new CodeRegion(null, CodeSketch.BASE, MemorySegment.ofArray(new byte[0x80])),
                        new CodeRegion("fat", MODULE, MemorySegment.ofArray(new byte[0x40]))),
                symbols.build(),
                PatchPlaces.NONE);
        return CallGraph.of(code, 1);
    }

    @Test
    void everyNameLeadsBackToWhatItWasMadeFrom() throws Exception {
        CallGraph graph = graph();
        NamedPlaces places = new NamedPlaces(graph);
        FlowNames names = new FlowNames();
        for (int function = 0; function < graph.functionCount(); function++) {
            long address = graph.function(function).address();
            assertThat(places.functions(names.function(graph, function, 0))).contains(address);
            for (int offset = 0; offset < graph.function(function).extentBytes(); offset++) {
                assertThat(places.places(names.place(graph, address + offset))).contains(address + offset);
            }
        }
    }

    @Test
    void modulesAndNamesakesAreToldApart() throws Exception {
        NamedPlaces places = new NamedPlaces(graph());
        assertThat(places.functions("open")).containsExactly(CodeSketch.BASE);
        assertThat(places.functions("open [fat]")).containsExactly(MODULE);
        assertThat(places.places("twice+0x5")).containsExactly(CodeSketch.BASE + 0x25, CodeSketch.BASE + 0x45);
        assertThat(places.places("open+0x7 [fat]")).containsExactly(MODULE + 7);
    }

    @Test
    void whatIsNotThereIsNowhere() throws Exception {
        NamedPlaces places = new NamedPlaces(graph());
        assertThat(places.functions("close")).isEmpty();
        assertThat(places.functions("open [ext4]")).isEmpty();
        for (String place : List.of("open", "open+0x20", "open+0x", "open+0xzz", "+0x1", "0xffffffff81000000", "")) {
            assertThat(places.places(place)).as(place).isEmpty();
        }
    }
}
