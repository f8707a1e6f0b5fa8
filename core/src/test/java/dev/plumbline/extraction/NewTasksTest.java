package dev.plumbline.extraction;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Tasks that have just been made, by either shape of `ret_from_fork`.
@Timeout(60)
class NewTasksTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK_TOP = 0xffffc90000004000L;

    private final FlowTexts flows = new FlowTexts();
    private final SketchKernel kernel = new SketchKernel();
    private FlowBuilder builder;

    private void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_open"))
                .function("__x64_sys_open")
                .function("ret_from_fork_asm", call("ret_from_fork"))
                .function("ret_from_fork", call("schedule_tail"), indirect(), call("exit_work"))
                .function("schedule_tail", call("finish"), tail("calculate"))
                .function("finish")
                .function("calculate", call("lock"), tail("unlock"))
                .function("lock")
                .function("unlock")
                .function("exit_work")
                .function("kthread", call("lock"), indirect(), call("thread_exit"))
                .function("thread_exit", call("lock"))
                .function("exc_page_fault", call("fault"))
                .function("fault")
                .function("worker", call("work"))
                .function("work")
                .build();
        TaskIdentity task = new TaskIdentity(1, 1, "child", false, STACK_TOP - 0x4000);
        builder = new FlowBuilder(kernel.code(), _ -> task, 1, flows);
    }

    private void event(String function, String caller, int step, int depthBytes) {
        long place = STACK_TOP - depthBytes;
        builder.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, place);
    }

    private void begin(int depthBytes) {
        event("schedule_tail", "ret_from_fork", 0, depthBytes);
        event("finish", "schedule_tail", 0, depthBytes + 100);
        event("calculate", "ret_from_fork", 0, depthBytes);
        event("lock", "calculate", 0, depthBytes + 100);
        event("unlock", "ret_from_fork", 0, depthBytes);
    }

    @Test
    void tailCallsOfTheFirstFunctionAreOfTheSameFlow() throws Exception {
        build();
        begin(100);
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "NEW_TASK: schedule_tail( finish >calculate( lock >unlock ) )", "open: __x64_sys_open");
    }

    @Test
    void anEntryOfItsOwnIsTheRootOfAllThatIsBelow() throws Exception {
        kernel.withEntry("ret_from_fork");
        build();
        for (int life = 0; life < 2; life++) {
            event("ret_from_fork", "ret_from_fork_asm", 0, 50);
            begin(100);
            event("exit_work", "ret_from_fork", 2, 100);
        }
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        builder.finish();
        String first = "NEW_TASK: ret_from_fork( schedule_tail( finish >calculate( lock >unlock ) ) exit_work )";
        assertThat(flows.all).containsExactly(first, first, "open: __x64_sys_open");
    }

    @Test
    void oneWhoseFirstEventsWereLostIsInPart() throws Exception {
        kernel.withEntry("ret_from_fork");
        build();
        builder.lost(0, 2);
        event("schedule_tail", "ret_from_fork", 0, 100);
        event("finish", "schedule_tail", 0, 200);
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        builder.lost(0, 2);
        event("ret_from_fork", "ret_from_fork_asm", 0, 50);
        event("schedule_tail", "ret_from_fork", 0, 100);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "NEW_TASK in part: schedule_tail( finish )",
                        "open in part: __x64_sys_open",
                        "NEW_TASK: ret_from_fork( schedule_tail )");
    }

    @Test
    void oneThatBeginsWithAFunctionThatIsOnlyJumpedToIsInPart() throws Exception {
        build();
        event("calculate", "ret_from_fork", 0, 100);
        event("lock", "calculate", 0, 200);
        builder.finish();
        assertThat(flows.all).containsExactly("NEW_TASK in part: calculate( lock )");
    }

    @Test
    void aKernelThreadWhoseFirstEventsWereLostIsInPart() throws Exception {
        build();
        builder.lost(0, 2);
        event("kthread", "ret_from_fork", 1, 100);
        event("lock", "kthread", 0, 200);
        builder.finish();
        assertThat(flows.all).containsExactly("NEW_TASK in part: *kthread( lock )");
    }

    @Test
    void anInterruptionBetweenItsCallsDoesNotEndIt() throws Exception {
        kernel.withEntry("ret_from_fork");
        build();
        event("ret_from_fork", "ret_from_fork_asm", 0, 50);
        event("schedule_tail", "ret_from_fork", 0, 100);
        event("fault", "exc_page_fault", 0, 500);
        event("kthread", "ret_from_fork", 1, 100);
        event("lock", "kthread", 0, 200);
        event("fault", "exc_page_fault", 0, 600);
        event("worker", "kthread", 1, 200);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "EXCEPTION: fault",
                        "EXCEPTION: fault",
                        "NEW_TASK: ret_from_fork( schedule_tail *kthread( lock *worker ) )");
    }

    @Test
    void theEndOfAKernelThreadMissesNothing() throws Exception {
        build();
        event("schedule_tail", "ret_from_fork", 0, 100);
        event("kthread", "ret_from_fork", 1, 100);
        event("worker", "kthread", 1, 200);
        event("work", "worker", 0, 300);
        event("thread_exit", "kthread", 2, 200);
        event("lock", "thread_exit", 0, 300);
        builder.finish();
        assertThat(flows.all.getLast()).isEqualTo("NEW_TASK: thread_exit( lock )");
    }

    @Test
    void aKernelThreadStartsBelowIt() throws Exception {
        kernel.withEntry("ret_from_fork");
        build();
        event("ret_from_fork", "ret_from_fork_asm", 0, 50);
        event("schedule_tail", "ret_from_fork", 0, 100);
        event("kthread", "ret_from_fork", 1, 100);
        event("lock", "kthread", 0, 200);
        event("worker", "kthread", 1, 200);
        event("work", "worker", 0, 300);
        builder.finish();
        assertThat(flows.all)
                .containsExactly(
                        "NEW_TASK: ret_from_fork( schedule_tail *kthread( lock *worker ) )", "OTHER in part: work");
    }
}
