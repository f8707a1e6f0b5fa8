package dev.plumbline.extraction;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.SystemCall;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Calls through pointers to code that is no function, in flows and as edges.
@Timeout(60)
class UnknownTargetsTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK_TOP = 0xffffc90000004000L;
    private static final long IRQ_STACK_TOP = 0xffffc90000803ff8L;
    private static final long NOWHERE = 0xffffffffc0123450L;
    private static final int NOP_BYTES = 3;

    private final FlowTexts flows = new FlowTexts();
    private final List<ObservedEdge> seen = new ArrayList<>();
    private final SketchKernel kernel = new SketchKernel();
    private FlowBuilder builder;
    private EdgeBuilder edges;

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_open"))
                .function("__x64_sys_open", call("a"), indirect())
                .function("a", call("b"), indirect())
                .function("b", indirect())
                .function("sysvec_timer", call("tick"))
                .function("tick", indirect())
                .build();
        builder = new FlowBuilder(kernel.code(), this::identity, 1, flows);
        List<SystemCall> calls = List.of(new SystemCall(0, "open", kernel.address("__x64_sys_open")));
        edges = new EdgeBuilder(kernel.code(), calls, this::identity, seen::add);
    }

    private TaskIdentity identity(long task) {
        return new TaskIdentity(1, 1, "task", false, STACK_TOP - 0x4000);
    }

    private void enter(String function, String caller, int step, int depthBytes) {
        builder.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, STACK_TOP - depthBytes);
    }

    private void unknown(String caller, int step) {
        builder.indirect(0, NOWHERE, kernel.returnAddress(caller, step), TASK);
    }

    private void openAB() {
        enter("__x64_sys_open", "do_syscall_64", 0, 200);
        enter("a", "__x64_sys_open", 0, 300);
        enter("b", "a", 0, 400);
    }

    @Test
    void anUnknownTargetStandsBelowWhoCalledIt() {
        openAB();
        unknown("b", 0);
        unknown("a", 1);
        unknown("__x64_sys_open", 1);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b( *? ) *? ) *? )");
    }

    @Test
    void behindAnInstructionThatFillsUpTheCallerIsTheSame() {
        openAB();
        builder.indirect(0, NOWHERE, kernel.returnAddress("a", 1) + NOP_BYTES, TASK);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b *? ) )");
    }

    @Test
    void whatIsAFunctionIsSeenWhereItIsEnteredAndNotTwice() {
        openAB();
        builder.indirect(0, kernel.address("b"), kernel.returnAddress("a", 1), TASK);
        builder.indirect(0, kernel.address("sysvec_timer"), kernel.returnAddress("a", 1), TASK);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b ) )");
    }

    @Test
    void theMiddleOfAFunctionIsNoFunction() {
        openAB();
        builder.indirect(0, kernel.address("b") + 1, kernel.returnAddress("a", 1), TASK);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b *? ) )");
    }

    @Test
    void anInterruptKeepsItsOwn() {
        openAB();
        builder.call(0, kernel.address("tick"), kernel.returnAddress("sysvec_timer", 0), TASK, IRQ_STACK_TOP - 64);
        unknown("tick", 0);
        enter("b", "a", 0, 400);
        unknown("b", 0);
        builder.finish();
        assertThat(flows.all)
                .containsExactlyInAnyOrder("INTERRUPT: tick( *? )", "open: __x64_sys_open( a( b b( *? ) ) )");
    }

    @Test
    void withoutAnOpenCallOfItsCallerItIsAFlowOfItsOwn() {
        unknown("b", 0);
        builder.finish();
        assertThat(flows.all).hasSize(1);
        assertThat(flows.all.getFirst()).endsWith(" *?");
    }

    @Test
    void asAnEdgeItHasNoSystemCallAndNoKnownFunction() {
        edges.indirect(0, NOWHERE, kernel.returnAddress("a", 1), TASK);
        edges.indirect(0, kernel.address("b"), kernel.returnAddress("a", 1), TASK);
        assertThat(seen).singleElement().satisfies(edge -> {
            assertThat(edge.context()).isEqualTo("indirect call");
            assertThat(edge.inSystemCall()).isFalse();
            assertThat(edge.isKnown()).isFalse();
            assertThat(edge.isIndirect()).isTrue();
            assertThat(edge.caller()).startsWith("a+0x");
            assertThat(edge.function()).contains("%x".formatted(NOWHERE));
        });
        assertThat(edges.eventCount()).isEqualTo(2);
    }

    @Test
    void anEdgeSaysWhetherItsCallIsIndirect() {
        edges.edge(0, kernel.address("b"), kernel.returnAddress("a", 1), TASK, 0);
        edges.edge(0, kernel.address("b"), kernel.returnAddress("a", 0), TASK, 0);
        assertThat(seen).extracting(ObservedEdge::isIndirect).containsExactly(true, false);
        assertThat(seen).extracting(ObservedEdge::context).containsOnly("open");
        assertThat(seen).extracting(ObservedEdge::function).containsOnly("b");
    }
}
