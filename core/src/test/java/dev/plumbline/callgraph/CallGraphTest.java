package dev.plumbline.callgraph;

import static dev.plumbline.callgraph.CodeSketch.BASE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import dev.plumbline.x86.BranchOperand;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CallGraphTest {
    private static final long A = BASE;
    private static final long B = BASE + 0x40;
    private static final long C = BASE + 0x80;

    @Test
    void functionsExtendToTheNextSymbolAndTheirSizeLeavesPaddingOut() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .hex("55c3" + "0f1f440000" + "cccc")
                .upTo(0x40)
                .symbol('t', "b_local")
                .symbol('W', "b_weak")
                .symbol('T', "b")
                .symbol('T', "b_alias")
                .hex("909090")
                .code());
        assertThat(graph.functions())
                .containsExactly(
                        new Function(0, A, 2, 0x40, "a", null, false, false),
                        new Function(1, B, 0, 3, "b", null, false, false));
        assertThat(graph.names(1)).containsExactly("b_local", "b_weak", "b", "b_alias");
        assertThat(graph.functionAt(A + 0x3f)).isZero();
        assertThat(graph.functionAt(B + 2)).isOne();
        assertThat(graph.functionAt(B + 3)).isEqualTo(CallGraph.NONE);
        assertThat(graph.functionAt(A - 1)).isEqualTo(CallGraph.NONE);
        assertThat(graph.functionNamed("b_alias")).hasValue(1);
        assertThat(graph.functionNamed("nobody")).isEmpty();
    }

    @Test
    void callsAndJumpsThatLeaveTheFunctionAreEdges() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .branch("e8", A) // to itself
                .branch("e9", A) // a loop
                .branch("e8", C + 4)
                .branch("0f84", B)
                .branch("e9", B)
                .upTo(0x40)
                .function("b")
                .hex("ebbe") // to a
                .hex("74fe") // to itself
                .branch("e8", 0xffffffffc0000000L)
                .upTo(0x80)
                .function("c")
                .hex("9090c3909090")
                .code());
        assertThat(graph.edges())
                .extracting(CallEdge::siteAddress, CallEdge::source, CallEdge::target, CallEdge::kind)
                .containsExactly(
                        tuple(A, 0, 0, EdgeKind.CALL),
                        tuple(A + 10, 0, 2, EdgeKind.CALL),
                        tuple(A + 15, 0, 1, EdgeKind.CONDITIONAL_JUMP),
                        tuple(A + 21, 0, 1, EdgeKind.TAIL_JUMP),
                        tuple(B, 1, 0, EdgeKind.TAIL_JUMP),
                        tuple(B + 4, 1, CallGraph.NONE, EdgeKind.CALL));
        assertThat(graph.edge(1).targetOffsetBytes()).isEqualTo(4);
        assertThat(graph.edge(5).isResolved()).isFalse();
        assertThat(graph.edge(5).targetAddress()).isEqualTo(0xffffffffc0000000L);
        assertThat(graph.callees(1)).hasSize(2);
        assertThat(graph.callees(2)).isEmpty();
        assertThat(graph.callers(1)).extracting(CallEdge::siteAddress).containsExactly(A + 15, A + 21);
        assertThat(graph.callers(2)).extracting(CallEdge::siteAddress).containsExactly(A + 10);
    }

    @Test
    void codeBeforeTheFirstSymbolIsInNoFunction() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .branch("e8", B)
                .upTo(0x40)
                .function("b")
                .branch("e9", A)
                .code());
        assertThat(graph.edges())
                .extracting(CallEdge::source, CallEdge::target)
                .containsExactly(tuple(CallGraph.NONE, 0), tuple(0, CallGraph.NONE));
        assertThat(graph.callees(0)).hasSize(1);
    }

    @Test
    void branchesToThunksAreIndirectSitesAndReturns() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .branch("e8", B)
                .branch("e9", B)
                .branch("0f85", B)
                .branch("e9", C)
                .upTo(0x40)
                .symbol('T', "__x86_indirect_thunk_r11")
                .hex("41ffe3")
                .upTo(0x80)
                .symbol('T', "__x86_return_thunk")
                .hex("c3cc")
                .code());
        assertThat(graph.edges())
                .extracting(CallEdge::kind)
                .containsExactly(EdgeKind.CALL, EdgeKind.TAIL_JUMP, EdgeKind.CONDITIONAL_JUMP, EdgeKind.RETURN);
        BranchOperand r11 = new BranchOperand.InRegister(11);
        assertThat(graph.indirectSites())
                .containsExactly(
                        new IndirectSite(A, 0, true, r11, true, Optional.empty()),
                        new IndirectSite(A + 5, 0, false, r11, true, Optional.empty()),
                        new IndirectSite(A + 10, 0, false, r11, true, Optional.empty()),
                        new IndirectSite(B, 1, false, r11, false, Optional.empty()));
        assertThat(graph.indirectSites(1)).hasSize(1);
    }

    @Test
    void plainIndirectSitesSayWhereTheirTargetComesFrom() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .hex("ffd00f1f00") // as the kernel rewrites a thunk call where retpolines are off
                .hex("ff1510000000")
                .hex("ff6708")
                .code());
        assertThat(graph.indirectSites())
                .extracting(IndirectSite::isCall, IndirectSite::operand, IndirectSite::viaThunk)
                .containsExactly(
                        tuple(true, new BranchOperand.InRegister(0), false),
                        tuple(true, new BranchOperand.AtAddress(A + 11 + 16), false),
                        tuple(false, new BranchOperand.InMemory(), false));
    }

    @Test
    void legallyPatchedPlacesAreMarked() throws Exception {
        PatchPlaces places = new PatchPlaces(
                new long[] {A, B}, new long[] {A + 5}, new long[] {A + 10}, new long[] {A, A + 15, B + 5});
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .branch("e8", C)
                .branch("e9", C)
                .branch("e8", C)
                .branch("e9", C)
                .branch("e9", C)
                .upTo(0x40)
                .function("b")
                .hex("0f1f440000ccc3")
                .upTo(0x80)
                .symbol('T', "__SCT__might_resched")
                .hex("c3")
                .code(places));
        assertThat(graph.edges())
                .extracting(edge -> edge.patched().orElse(null))
                .containsExactly(
                        PatchPlaces.Kind.FTRACE,
                        PatchPlaces.Kind.STATIC_KEY,
                        PatchPlaces.Kind.STATIC_CALL,
                        PatchPlaces.Kind.KPROBE,
                        null);
        assertThat(graph.edge(0).isOwn()).isFalse();
        assertThat(graph.edge(1).isOwn()).isTrue();
        assertThat(graph.functions()).extracting(Function::hasKprobe).containsExactly(true, true, false);
        assertThat(graph.function(2).isStaticCallTrampoline()).isTrue();
    }

    @Test
    void reachabilityFollowsEdgesAndLabelsButNotTheFunctionTracer() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .branch("e8", C) // the tracer's
                .branch("e8", 0xffffffffc0000000L)
                .hex("ffd1")
                .branch("e9", B)
                .upTo(0x40)
                .function("b")
                .hex("55")
                .function("b_label")
                .hex("55c3")
                .upTo(0x80)
                .function("c")
                .hex("c3")
                .code(new PatchPlaces(new long[] {A}, new long[0], new long[0], new long[0])));
        assertThat(graph.flowsIntoNext(1)).isTrue();
        assertThat(graph.flowsIntoNext(2)).isFalse();
        Reachability reachable = graph.reachableFrom(0);
        assertThat(reachable.functions()).containsExactly(0, 1, 2);
        assertThat(reachable.contains(3)).isFalse();
        assertThat(reachable.indirectSites()).containsExactly(0);
        assertThat(reachable.unresolvedEdges()).containsExactly(1);
        assertThat(graph.reachableFrom(3).functionCount()).isOne();
    }

    @Test
    void anInstructionEndsWithItsFunctionOrRegion() throws Exception {
        CallGraph graph = CallGraph.of(new CodeSketch()
                .function("a")
                .hex("e8000000") // one byte short
                .function("b")
                .branch("e8", A) // its last byte is the region's
                .code());
        assertThat(graph.edges()).extracting(CallEdge::siteAddress).containsExactly(A + 4);
    }

    @Test
    void regionsNeedNoOrderAndOverlapsGoToTheLowerOne() throws Exception {
        byte[] code = {(byte) 0xe8, 0, 0, 0, 0, (byte) 0xc3};
        SymbolTableBuilder symbols = new SymbolTableBuilder(4);
        symbols.add(BASE, 'T', "a").owner("m").add(0xffffffffc0000000L, 't', "a");
        MemorySegment segment = MemorySegment.ofArray(code);
        CallGraph graph = CallGraph.of(new KernelCode(
                List.of(
                        new CodeRegion("m", 0xffffffffc0000000L, segment),
                        new CodeRegion("n", 0xffffffffc0000003L, segment),
                        new CodeRegion("empty", 0x1000, MemorySegment.NULL),
                        new CodeRegion(null, BASE, segment)),
                symbols.build(),
                PatchPlaces.NONE));
        assertThat(graph.regions())
                .extracting(CodeRegion::baseAddress)
                .containsExactly(BASE, 0xffffffffc0000000L, 0xffffffffc0000006L);
        assertThat(graph.functionsNamed("a")).containsExactly(0, 1);
        assertThat(graph.functionNamed("a")).hasValue(0);
        assertThat(graph.function(1).owner()).isEqualTo("m");
    }
}
