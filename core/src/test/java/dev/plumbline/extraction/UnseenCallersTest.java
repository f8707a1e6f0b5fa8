package dev.plumbline.extraction;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.FrameSizes;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Calls from functions that have no entry to be seen at, which are called `quiet_` something here.
@Timeout(60)
class UnseenCallersTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK_TOP = 0xffffc90000004000L;
    private static final long OTHER_STACK_TOP = 0xffffc90000104000L;

    private final FlowTexts flows = new FlowTexts();
    private final SketchKernel kernel = new SketchKernel();
    private final TreeMap<Long, Short> frames = new TreeMap<>();
    private FlowBuilder builder;

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_open"))
                .function("__x64_sys_open", call("outer"), call("quiet_copy"), call("schedule"))
                .function("outer", call("inner"), call("quiet_store"), indirect(), call("leaf"))
                .function("inner", call("quiet_store"), call("leaf"))
                .function("leaf")
                .function("quiet_store", call("quiet_node"))
                .function("quiet_node", call("allocate"))
                .function("quiet_copy", call("check"))
                .function("quiet_behind_pointer", call("check"))
                .function("quiet_elsewhere", call("check"))
                .function("allocate", call("leaf"))
                .function("check")
                .function("repeat", call("repeat"), call("leaf"))
                .function("exc_page_fault", call("quiet_fault"))
                .function("quiet_fault", call("find"), call("handle"), tail("quiet_fault"))
                .function("find", call("leaf"))
                .function("handle")
                .function("schedule", call("update"), call("quiet_schedule"))
                .function("update")
                .function("quiet_schedule", call("__switch_to_asm"))
                .function("__switch_to_asm", tail("__switch_to"))
                .function("__switch_to", call("save"))
                .function("save")
                .build();
        start();
    }

    private void start() {
        long[] starts = frames.keySet().stream().mapToLong(Long::longValue).toArray();
        short[] sizes = new short[starts.length];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = frames.get(starts[i]);
        }
        TaskIdentity task = new TaskIdentity(1, 1, "first", false, STACK_TOP - 0x4000);
        builder = new FlowBuilder(kernel.code(FrameSizes.of(starts, sizes)), _ -> task, 1, flows);
    }

    /// The function's frame is so large wherever it calls.
    private void frame(String function, int sizeBytes) {
        frames.put(kernel.address(function), (short) sizeBytes);
    }

    private void event(String function, String caller, int step, long place) {
        builder.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, place);
    }

    private void event(String function, String caller, int step, int depthBytes) {
        event(function, caller, step, STACK_TOP - depthBytes);
    }

    private void assertFlows(String... texts) {
        builder.finish();
        assertThat(flows.all).containsExactly(texts);
    }

    @Test
    void aFunctionThatCannotHaveLedThereHasReturned() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("outer", "__x64_sys_open", 0, 300);
        event("leaf", "outer", 3, 350);
        event("check", "quiet_copy", 0, 400);
        assertFlows("open: __x64_sys_open( outer( leaf ) check )");
    }

    @Test
    void whereNoneLeadsThereDirectlyItIsOneThatCallsThroughPointers() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("outer", "__x64_sys_open", 0, 300);
        event("leaf", "outer", 3, 350);
        event("check", "quiet_behind_pointer", 0, 400);
        assertFlows("open: __x64_sys_open( outer( leaf check ) )");
    }

    @Test
    void ofTwoThatLeadThereFrameSizesTellWhichDid() {
        frame("outer", 100);
        frame("inner", 40);
        frame("quiet_store", 24);
        frame("quiet_node", 32);
        start();
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("outer", "__x64_sys_open", 0, 300);
        event("inner", "outer", 0, 400);
        event("allocate", "quiet_node", 0, 400 + 40 + 24 + 32);
        event("allocate", "quiet_node", 0, 300 + 100 + 24 + 32);
        assertFlows("open: __x64_sys_open( outer( inner( allocate ) allocate ) )");
    }

    @Test
    void whatStandsWhereTheUnseenFunctionStandsHasReturned() {
        frame("outer", 64);
        frame("quiet_elsewhere", 80);
        start();
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("outer", "__x64_sys_open", 0, 300);
        event("outer", "outer", 2, 364); // at the end of the first one's frame, through a pointer
        event("check", "quiet_elsewhere", 0, 364 + 80);
        assertFlows("open: __x64_sys_open( outer( *outer check ) )");
    }

    @Test
    void ofTwoCallsOfOneFunctionFrameSizesTellWhichGoesOn() {
        frame("repeat", 64);
        start();
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("repeat", "__x64_sys_open", 0, 300);
        event("repeat", "repeat", 0, 364);
        event("update", "schedule", 0, 380);
        event("leaf", "repeat", 1, 364);
        assertFlows("open: __x64_sys_open( repeat( repeat( update ) leaf ) )");
    }

    @Test
    void whatOnlyEntryCodeCallsIsEntryCode() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("outer", "__x64_sys_open", 0, 300);
        event("find", "quiet_fault", 0, 600);
        event("leaf", "find", 0, 700);
        event("handle", "quiet_fault", 1, 600);
        event("leaf", "outer", 3, 900);
        assertFlows("EXCEPTION: find( leaf ) handle", "open: __x64_sys_open( outer( leaf ) )");
    }

    @Test
    void aTaskSwitchIsWhereTheSchedulerStands() {
        event("__x64_sys_open", "do_syscall_64", 0, 200);
        event("schedule", "__x64_sys_open", 2, 300);
        event("update", "schedule", 0, 400);
        event("save", "__switch_to", 0, 500);
        event("save", "__switch_to", 0, OTHER_STACK_TOP - 500); // the next task's stack already
        event("update", "schedule", 0, 400);
        assertFlows("open: __x64_sys_open( schedule( update save save update ) )");
    }
}
