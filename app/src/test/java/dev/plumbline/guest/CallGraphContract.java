package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.callgraph.ObjdumpEdges;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PatchPlaces.Kind;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collector;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The call graph has exactly the direct edges and the indirect sites that objdump finds in the same bytes, which are
/// all code of the kernel and its modules.
interface CallGraphContract {
    /// NOPs and jumps of 5 and of 2 bytes.
    Pattern STATIC_KEY = Pattern.compile("0f1f440000|e9.{8}|6690.{6}|eb.{8}");
    /// A call, a jump, a conditional jump; NOP; what clears eax; a return.
    Pattern STATIC_CALL = Pattern.compile("e8.{8}|e9.{8}|0f8.{7}|0f1f440000|2e2e2e31c0|c3cccccccc");

    GuestUnderTest guest();

    @Test
    default void edgesAndIndirectSitesAreThoseOfObjdump() throws IOException {
        KernelCode code = guest().read(LinuxKernel::code);
        assertThat(Differences.between(guest().says().symbols(), SymbolsContract.symbols(code.symbols())))
                .as("the symbols that objdump is given")
                .isEmpty();
        CallGraph graph = CallGraph.of(code);
        assertThat(ObjdumpEdges.differences(code, graph)).isEmpty();
        assertThat(graph.edgeCount()).isGreaterThan(200_000);
        assertThat(graph.indirectSites())
                .as("sites through thunks and plain ones")
                .hasSizeGreaterThan(5_000)
                .extracting(IndirectSite::viaThunk)
                .contains(true, false);
    }

    @Test
    default void regionsAreAllCodeTheGuestHas() throws IOException {
        List<CodeRegion> regions = guest().read(LinuxKernel::code).regions();
        CodeRegion kernel =
                regions.stream().filter(region -> region.owner() == null).collect(onlyElement());
        long[] ends = guest().says().addresses("_text", "_etext");
        assertThat(kernel.baseAddress()).isEqualTo(ends[0]);
        assertThat(kernel.endAddress()).isEqualTo(ends[1]);
        Map<String, List<Long>> sections = guest().says().textSections();
        assertThat(regions)
                .extracting(CodeRegion::owner)
                .filteredOn(Objects::nonNull)
                .containsExactlyInAnyOrderElementsOf(sections.keySet())
                .contains("8021q", "nf_conntrack");
        regions.stream()
                .filter(region -> region.owner() != null)
                .forEach(region -> assertThat(sections.get(region.owner())).allMatch(region::contains));
    }

    private static <T> Collector<T, ?, T> onlyElement() {
        return Collectors.collectingAndThen(Collectors.toList(), list -> {
            assertThat(list).hasSize(1);
            return list.getFirst();
        });
    }

    @Test
    default void patchedPlacesAreThoseTheGuestLists() throws IOException {
        KernelCode code = guest().read(LinuxKernel::code);
        CallGraph graph = CallGraph.of(code);
        assertThat(code.patchPlaces().kprobeSites())
                .containsExactlyInAnyOrder(guest().says().kprobes())
                .isNotEmpty();
        List<String> traced = guest().says().enabledFunctions();
        assertThat(graph.edges())
                .filteredOn(edge -> edge.patched().equals(Optional.of(Kind.FTRACE)))
                .hasSameSizeAs(traced)
                .allMatch(edge -> graph.names(edge.source()).stream().anyMatch(traced::contains));
        List<String> wrong = new ArrayList<>();
        collect(code, code.patchPlaces().staticKeySites(), STATIC_KEY, wrong);
        collect(code, code.patchPlaces().staticCallSites(), STATIC_CALL, wrong);
        assertThat(wrong).isEmpty();
    }

    /// Notes the places that hold something the kernel does not put there. Places in init code have gone with it.
    private static void collect(KernelCode code, long[] places, Pattern allowed, List<String> wrong) {
        int checked = 0;
        for (long place : places) {
            for (CodeRegion region : code.regions()) {
                if (region.contains(place) && region.contains(place + 4)) {
                    checked++;
                    String bytes = HexFormat.of()
                            .formatHex(region.bytes()
                                    .asSlice(place - region.baseAddress(), 5)
                                    .toArray(ValueLayout.JAVA_BYTE));
                    if (!allowed.matcher(bytes).matches()) {
                        wrong.add("%x holds %s".formatted(place, bytes));
                    }
                }
            }
        }
        assertThat(checked).isGreaterThan(100);
    }

    @Test
    default void anyNumberOfWorkersBuildsTheSameGraph() throws IOException {
        KernelCode code = guest().read(LinuxKernel::code);
        CallGraph one = CallGraph.of(code, 1);
        CallGraph three = CallGraph.of(code, 3);
        assertThat(three.edges().equals(one.edges())).isTrue();
        assertThat(three.indirectSites().equals(one.indirectSites())).isTrue();
    }
}
