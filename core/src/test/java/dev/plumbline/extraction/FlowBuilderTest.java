package dev.plumbline.extraction;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.indirectTail;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FlowBuilderTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long OTHER_TASK = 0xffff888000020000L;
    private static final long KERNEL_TASK = 0xffff888000030000L;
    private static final long STACK_TOP = 0xffffc90000004000L;
    private static final long OTHER_STACK_TOP = 0xffffc90000104000L;
    private static final long KERNEL_STACK_TOP = 0xffffc90000204000L;
    private static final long IRQ_STACK_TOP = 0xffffc90000803ff8L;
    private static final long NMI_STACK_TOP = 0xfffffe0000009000L;

    private final FlowTexts flows = new FlowTexts();
    private final SketchKernel kernel = new SketchKernel();
    private FlowBuilder builder;
    private String comm = "first";

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("x64_sys_call"), call("exit_work"))
                .function("x64_sys_call", tail("__x64_sys_open"), tail("__x64_sys_close"))
                .function("__x64_sys_open", call("a"), call("b"), call("a"), indirect())
                .function("__x64_sys_close", call("c"))
                .function("__x64_sys_execve", call("c"))
                .function("a", call("b"), tail("c"), call("a"))
                .function("b", call("c"), indirectTail())
                .function("c")
                .function("d", call("quiet_helper"))
                .function("quiet_helper", call("c"))
                .function("exit_work", call("c"))
                .function("exc_page_fault", call("fault"), call("c"))
                .function("fault", call("c"))
                .function("sysvec_timer", call("irq_enter"), call("tick"), call("irq_exit"))
                .function("irq_enter")
                .function("tick", call("c"))
                .function("irq_exit", call("softirq"))
                .function("softirq", call("c"))
                .function("exc_nmi", call("nmi_handler"))
                .function("nmi_handler")
                .function("ret_from_fork", call("schedule_tail"), indirect())
                .function("schedule_tail", call("c"))
                .function("kthread", call("c"), indirect())
                .function("worker", call("work"), call("rest"))
                .function("work", call("c"))
                .function("rest")
                .function("do_task_dead", call("c"))
                .function("irqentry_exit_to_user_mode", call("exit_work"))
                .build();
        builder = new FlowBuilder(kernel.code(), this::identity, 2, flows);
    }

    private TaskIdentity identity(long task) {
        if (task == KERNEL_TASK) {
            return new TaskIdentity(7, 7, "kworker", true, KERNEL_STACK_TOP - 0x4000);
        }
        long stack = task == TASK ? STACK_TOP : OTHER_STACK_TOP;
        return new TaskIdentity(task == TASK ? 1 : 2, 1, comm, false, stack - 0x4000);
    }

    private void event(long task, String function, String caller, int step, long stackPointer) {
        builder.call(0, kernel.address(function), kernel.returnAddress(caller, step), task, stackPointer);
    }

    private void event(String function, String caller, int step, int depthBytes) {
        event(TASK, function, caller, step, STACK_TOP - depthBytes);
    }

    @Test
    void aSystemCallIsATreeByStackPointersAndEndsAtTheNext() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event("b", "a", 0, 400);
        event("c", "b", 0, 500);
        event("b", "__x64_sys_open", 1, 300);
        assertThat(flows.all).isEmpty();
        event("__x64_sys_close", "do_syscall_64", 0, 200);
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b( c ) ) b )");
        event("exit_work", "do_syscall_64", 1, 200);
        builder.finish();
        assertThat(flows.all.subList(1, 3)).containsExactly("close: __x64_sys_close", "OTHER: exit_work");
        assertThat(builder.flowCount()).isEqualTo(3);
        assertThat(builder.eventCount()).isEqualTo(7);
    }

    @Test
    void aCallThatStandsDeeperThanItsBrotherIsItsCallersAllTheSame() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event("b", "__x64_sys_open", 1, 316);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a b )");
    }

    @Test
    void aCallFromCodeWithoutAnEntryIsPlacedByItsStackPointer() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("d", "__x64_sys_open", 3, 300);
        event("c", "quiet_helper", 0, 400);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( *d( c ) )");
    }

    @Test
    void recursionNests() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event("a", "a", 2, 400);
        event("a", "a", 2, 500);
        event("a", "a", 2, 400);
        event("a", "__x64_sys_open", 2, 300);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( a( a ) a ) a )");
    }

    @Test
    void tailCallsNestAndRepeatedCallsFromOnePlaceDoNot() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event("c", "__x64_sys_open", 0, 300); // a jumps to it
        event("a", "__x64_sys_open", 0, 300); // called again
        event("c", "__x64_sys_open", 3, 300);
        event("c", "__x64_sys_open", 3, 300); // called again, through a pointer
        event("b", "__x64_sys_open", 3, 300);
        event("d", "__x64_sys_open", 3, 300); // b jumps to it through a pointer
        event("c", "__x64_sys_open", 1, 300); // no one else than b is called here: b is not seen, or patched
        event("d", "__x64_sys_open", 1, 300);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( >c ) a *c *c *b( >*d ) c d )");
    }

    @Test
    void theCallInstructionTellsTailCallsThatNoEdgeShows() {
        event("__x64_sys_close", "do_syscall_64", 0, 200);
        event("c", "__x64_sys_close", 0, 300);
        event("d", "__x64_sys_close", 0, 300);
        builder.finish();
        assertThat(flows.all).containsExactly("close: __x64_sys_close( c( >d ) )");
    }

    @Test
    void aTargetThatIsNoFunctionIsKept() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        builder.call(0, 0xffffffffdeadbee0L, kernel.returnAddress("__x64_sys_open", 3), TASK, STACK_TOP - 300);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( *? )");
    }

    @Test
    void interruptsOnTheirOwnStackAreFlowsOfTheirOwn() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event(TASK, "irq_enter", "sysvec_timer", 0, IRQ_STACK_TOP);
        event(TASK, "tick", "sysvec_timer", 1, IRQ_STACK_TOP);
        event(TASK, "nmi_handler", "exc_nmi", 0, NMI_STACK_TOP);
        event(TASK, "c", "tick", 0, IRQ_STACK_TOP - 100);
        event(TASK, "irq_exit", "sysvec_timer", 2, IRQ_STACK_TOP);
        event(TASK, "softirq", "irq_exit", 0, IRQ_STACK_TOP - 100);
        event(TASK, "irq_enter", "sysvec_timer", 0, IRQ_STACK_TOP - 500);
        event(TASK, "c", "softirq", 0, IRQ_STACK_TOP - 200);
        event(TASK, "irq_enter", "sysvec_timer", 0, IRQ_STACK_TOP);
        event("b", "a", 0, 400);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "INTERRUPT: nmi_handler",
                        "INTERRUPT: irq_enter",
                        "INTERRUPT: irq_enter tick( c ) irq_exit( softirq( c ) )",
                        "INTERRUPT: irq_enter",
                        "open: __x64_sys_open( a( b ) )");
    }

    @Test
    void exceptionsAndInterruptsOnTheTasksStackAreSetApart() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event("fault", "exc_page_fault", 0, 600);
        event("c", "fault", 0, 700);
        event("tick", "sysvec_timer", 1, 1000);
        event("c", "exc_page_fault", 1, 616);
        event("b", "a", 0, 800); // deeper than the exception was
        event("c", "b", 0, 900);
        event("fault", "exc_page_fault", 0, 1200);
        event("b", "__x64_sys_open", 1, 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "INTERRUPT: tick",
                        "EXCEPTION: fault( c ) c",
                        "EXCEPTION: fault",
                        "open: __x64_sys_open( a( b( c ) ) b )");
    }

    @Test
    void theWayBackToUserModeIsNoPartOfTheLastSystemCall() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("fault", "exc_page_fault", 0, 260);
        event("exit_work", "irqentry_exit_to_user_mode", 0, 280);
        event("c", "exit_work", 0, 380);
        builder.finish();
        assertThat(flows.all).containsExactly("EXCEPTION: fault", "open: __x64_sys_open", "OTHER: exit_work( c )");
    }

    @Test
    void aTaskGoesOnWhereItWasSwitchedAway() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        event(OTHER_TASK, "__x64_sys_close", "do_syscall_64", 0, OTHER_STACK_TOP - 200);
        event("b", "a", 0, 400);
        event(OTHER_TASK, "c", "__x64_sys_close", 0, OTHER_STACK_TOP - 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactlyInAnyOrder("open: __x64_sys_open( a( b ) )", "close: __x64_sys_close( c )");
    }

    @Test
    void aMigratedTasksCallsAreInOrder() {
        builder.time(0, 100);
        builder.time(1, 90);
        builder.call(1, kernel.address("c"), kernel.returnAddress("work", 0), KERNEL_TASK, KERNEL_STACK_TOP - 100);
        builder.time(1, 300);
        builder.call(1, kernel.address("b"), kernel.returnAddress("a", 0), TASK, STACK_TOP - 400);
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        builder.time(0, 280);
        event(OTHER_TASK, "__x64_sys_close", "do_syscall_64", 0, OTHER_STACK_TOP - 200);
        builder.settle();
        builder.settle();
        builder.call(1, kernel.address("b"), kernel.returnAddress("__x64_sys_open", 1), TASK, STACK_TOP - 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactlyInAnyOrder(
                        "KERNEL_THREAD: c", "open: __x64_sys_open( a( b ) b )", "close: __x64_sys_close");
    }

    @Test
    void newTasksAndKernelThreads() {
        long top = KERNEL_STACK_TOP;
        event(KERNEL_TASK, "schedule_tail", "ret_from_fork", 0, top - 100);
        event(KERNEL_TASK, "c", "schedule_tail", 0, top - 200);
        event(KERNEL_TASK, "kthread", "ret_from_fork", 1, top - 100);
        event(KERNEL_TASK, "c", "kthread", 0, top - 200);
        event(KERNEL_TASK, "worker", "kthread", 1, top - 200);
        assertThat(flows.all).containsExactly("NEW_TASK: schedule_tail( c ) *kthread( c *worker )");
        event(KERNEL_TASK, "work", "worker", 0, top - 300);
        event(KERNEL_TASK, "c", "work", 0, top - 400);
        event(KERNEL_TASK, "work", "worker", 0, top - 300);
        event(KERNEL_TASK, "rest", "worker", 1, top - 300);
        event(TASK, "schedule_tail", "ret_from_fork", 0, STACK_TOP - 100);
        event(TASK, "__x64_sys_close", "do_syscall_64", 0, STACK_TOP - 200);
        builder.finish();
        assertThat(flows.all.subList(1, 6))
                .containsExactly(
                        "KERNEL_THREAD: work( c )",
                        "KERNEL_THREAD: work",
                        "NEW_TASK: schedule_tail",
                        "KERNEL_THREAD: rest",
                        "close: __x64_sys_close");
    }

    @Test
    void aTaskThatEndsGivesItsFlowWhenTheNextOneRuns() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("do_task_dead", "__x64_sys_open", 3, 300);
        event("c", "do_task_dead", 0, 400);
        assertThat(flows.all).isEmpty();
        event(OTHER_TASK, "__x64_sys_close", "do_syscall_64", 0, OTHER_STACK_TOP - 200);
        assertThat(flows.all).containsExactly("open: __x64_sys_open( *do_task_dead( c ) )");
        // Another task at the same address, with another stack.
        event("schedule_tail", "ret_from_fork", 0, 0x80100);
        event("c", "schedule_tail", 0, 0x80140);
        builder.finish();
        assertThat(flows.all).contains("NEW_TASK: schedule_tail( c )");
    }

    @Test
    void aTaskHasTheNameThatExecGaveIt() {
        StringBuilder names = new StringBuilder();
        FlowBuilder naming = new FlowBuilder(
                kernel.code(),
                this::identity,
                1,
                flow -> names.append(flow.task().comm()).append(' '));
        long[] back = {kernel.returnAddress("do_syscall_64", 0), kernel.returnAddress("exc_page_fault", 0)};
        naming.call(0, kernel.address("__x64_sys_open"), back[0], TASK, STACK_TOP - 200);
        naming.call(0, kernel.address("__x64_sys_execve"), back[0], TASK, STACK_TOP - 200);
        naming.call(0, kernel.address("fault"), back[1], TASK, STACK_TOP - 600);
        naming.call(0, kernel.address("c"), kernel.returnAddress("__x64_sys_execve", 0), TASK, STACK_TOP - 300);
        comm = "second";
        naming.call(0, kernel.address("__x64_sys_close"), back[0], TASK, STACK_TOP - 200);
        naming.finish();
        assertThat(names.toString()).isEqualTo("first first second second ");
    }

    @Test
    void afterLossOpenFlowsSayThatTheyMissSomething() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event(OTHER_TASK, "__x64_sys_close", "do_syscall_64", 0, OTHER_STACK_TOP - 200);
        event(OTHER_TASK, "c", "__x64_sys_close", 0, OTHER_STACK_TOP - 300);
        builder.lost(0, 5);
        event(OTHER_TASK, "__x64_sys_open", "do_syscall_64", 0, OTHER_STACK_TOP - 200);
        event("b", "__x64_sys_open", 1, 300);
        event("__x64_sys_close", "do_syscall_64", 0, 200);
        builder.finish();
        assertThat(flows.all)
                .containsExactlyInAnyOrder(
                        "close in part: __x64_sys_close( c )",
                        "open in part: __x64_sys_open( b )",
                        "open: __x64_sys_open",
                        "close: __x64_sys_close");
        assertThat(builder.lostCount()).isEqualTo(5);
    }

    @Test
    void whatBeginsAfterLossMayMissItsBeginning() {
        event(KERNEL_TASK, "schedule_tail", "ret_from_fork", 0, KERNEL_STACK_TOP - 100);
        event(KERNEL_TASK, "worker", "kthread", 1, KERNEL_STACK_TOP - 200);
        event(KERNEL_TASK, "irq_enter", "sysvec_timer", 0, IRQ_STACK_TOP);
        event(KERNEL_TASK, "work", "worker", 0, KERNEL_STACK_TOP - 300);
        builder.lost(0, 5);
        event(KERNEL_TASK, "irq_exit", "sysvec_timer", 2, IRQ_STACK_TOP);
        event(KERNEL_TASK, "c", "work", 0, KERNEL_STACK_TOP - 400);
        event(KERNEL_TASK, "irq_enter", "sysvec_timer", 0, IRQ_STACK_TOP);
        event(KERNEL_TASK, "rest", "worker", 1, KERNEL_STACK_TOP - 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "NEW_TASK: schedule_tail( *worker )",
                        "INTERRUPT: irq_enter",
                        "INTERRUPT in part: irq_exit",
                        "INTERRUPT: irq_enter",
                        "KERNEL_THREAD in part: work( c )",
                        "KERNEL_THREAD: rest");
    }

    @Test
    void whatWasUnderWayAtALossIsInPartThoughItWasInterruptedFirst() {
        event(KERNEL_TASK, "schedule_tail", "ret_from_fork", 0, KERNEL_STACK_TOP - 100);
        event(KERNEL_TASK, "worker", "kthread", 1, KERNEL_STACK_TOP - 200);
        builder.lost(0, 5);
        event(KERNEL_TASK, "nmi_handler", "exc_nmi", 0, NMI_STACK_TOP);
        event(KERNEL_TASK, "c", "softirq", 0, IRQ_STACK_TOP - 200);
        event(KERNEL_TASK, "fault", "exc_page_fault", 0, KERNEL_STACK_TOP - 700);
        event(KERNEL_TASK, "c", "work", 0, KERNEL_STACK_TOP - 400);
        event(KERNEL_TASK, "nmi_handler", "exc_nmi", 0, NMI_STACK_TOP);
        event(KERNEL_TASK, "c", "work", 0, KERNEL_STACK_TOP - 400);
        event(KERNEL_TASK, "rest", "worker", 1, KERNEL_STACK_TOP - 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "NEW_TASK: schedule_tail( *worker )",
                        "INTERRUPT in part: c",
                        "INTERRUPT in part: nmi_handler",
                        "EXCEPTION in part: fault",
                        "INTERRUPT: nmi_handler",
                        "KERNEL_THREAD in part: c",
                        "KERNEL_THREAD in part: c",
                        "KERNEL_THREAD: rest");
    }

    @Test
    void whatComesFromUserModeAfterALossMissesItsBeginningOnce() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        builder.lost(0, 5);
        event("exit_work", "irqentry_exit_to_user_mode", 0, 200);
        builder.lost(0, 5);
        event("fault", "exc_page_fault", 0, 240);
        event("fault", "exc_page_fault", 0, 240);
        builder.finish();
        assertThat(flows.all).containsSubsequence("EXCEPTION in part: fault", "EXCEPTION: fault");
    }

    @Test
    void whatWasUnderWayWhenTracingBeganIsInPart() {
        event("c", "b", 0, 900);
        event("c", "a", 1, 700);
        event("__x64_sys_close", "do_syscall_64", 0, 200);
        assertThat(flows.all).containsExactly("OTHER in part: c", "OTHER in part: c");
    }

    @Test
    void openFlowsOutliveAChangeOfTheCode() throws Exception {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("a", "__x64_sys_open", 0, 300);
        builder.codeChanged(kernel.code());
        event("b", "a", 0, 400);
        builder.finish();
        assertThat(flows.all).containsExactly("open: __x64_sys_open( a( b ) )");
    }
}
