package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.ObjdumpEdges;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/// The call graph has exactly the direct edges that objdump finds in the same bytes of the kernel and its modules.
interface CallGraphContract {
    GuestUnderTest guest();

    @Test
    default void directEdgesAreThoseOfObjdump() throws IOException {
        KernelCode code = guest().read(LinuxKernel::code);
        assertThat(Differences.between(guest().says().symbols(), SymbolsContract.symbols(code.symbols())))
                .as("the symbols that objdump is given")
                .isEmpty();
        assertThat(code.regions()).extracting(CodeRegion::owner).contains(null, "8021q", "nf_conntrack");
        CallGraph graph = CallGraph.of(code);
        assertThat(ObjdumpEdges.differences(code, graph)).isEmpty();
        assertThat(graph.edgeCount()).isGreaterThan(200_000);
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
