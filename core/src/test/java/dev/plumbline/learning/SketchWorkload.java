package dev.plumbline.learning;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;

import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.SketchKernel;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.SystemCall;
import java.util.List;

/// Calls that tasks of a small kernel make, as events of a trace.
public final class SketchWorkload {
    public static final KernelIdentity IDENTITY =
            new KernelIdentity("Linux version 6.1.0-sketch (nobody)", "b01dface", "0123456789abcdef");
    static final Context READ = new Context(ContextKind.SYSTEM_CALL, "read");
    static final Context OPEN = new Context(ContextKind.SYSTEM_CALL, "open");

    static final long TASK = 0xffff888000010000L;
    static final long WORKER = 0xffff888000020000L;
    private static final long STACK_TOP = 0xffffc90000004000L;
    private static final long WORKER_TOP = 0xffffc9000000c000L;
    private static final long INTERRUPT_TOP = 0xffffc90080003800L;
    private static final long FRAME_BYTES = 64;

    final SketchKernel kernel = new SketchKernel();
    private final FlowBuilder builder;
    private long task = TASK;
    private long top = STACK_TOP;

    public SketchWorkload(FlowSink sink) throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_read"), call("__x64_sys_open"), call("x64_sys_call"))
                .function("x64_sys_call")
                .function("__x64_sys_read", call("lock"), indirect(), call("copy"))
                .function("__x64_sys_open", call("lock"), call("copy"))
                .function("sysvec_tick", call("tick"))
                .function("asm_exc_page_fault", call("fault"))
                .function("fault", call("lock"))
                .function("tick", call("lock"))
                .function("lock")
                .function("copy", call("lock"), tail("finish"))
                .function("finish")
                .function("ext4_read", call("lock"))
                .function("proc_read", call("lock"))
                .function("worker", call("work"))
                .function("work", call("lock"))
                .idleModule("fat")
                .idleModule("nls_\u001b[31m")
                .build();
        builder = new FlowBuilder(kernel.code(), SketchWorkload::identity, 1, sink);
    }

    static TaskIdentity identity(long task) {
        return task == WORKER
                ? new TaskIdentity(9, 9, "kworker/0:1H-kblockd", true, WORKER_TOP - 0x4000)
                : new TaskIdentity(1, 1, "reader", false, STACK_TOP - 0x4000);
    }

    private SketchWorkload event(String function, String caller, int step, int depth) {
        return event(kernel.address(function), kernel.returnAddress(caller, step), depth);
    }

    SketchWorkload event(long site, long returnAddress, int depth) {
        builder.call(0, site, returnAddress, task, top - 256 - depth * FRAME_BYTES);
        return this;
    }

    /// `read` of a file whose file system reads with this function.
    public SketchWorkload read(String reader) {
        return event("__x64_sys_read", "do_syscall_64", 0, 0)
                .event("lock", "__x64_sys_read", 0, 1)
                .event(reader, "__x64_sys_read", 1, 1)
                .event("lock", reader, 0, 2);
    }

    /// `open` that copies, with or without the jump at the end of that.
    public SketchWorkload open(boolean finishes) {
        event("__x64_sys_open", "do_syscall_64", 1, 0).event("copy", "__x64_sys_open", 1, 1);
        return finishes ? event("finish", "__x64_sys_open", 1, 1) : this;
    }

    /// `open` that only takes the lock.
    SketchWorkload lockOnly() {
        return event("__x64_sys_open", "do_syscall_64", 1, 0).event("lock", "__x64_sys_open", 0, 1);
    }

    SketchWorkload fault() {
        return event("fault", "asm_exc_page_fault", 0, 20).event("lock", "fault", 0, 21);
    }

    public SketchWorkload interrupt() {
        long place = INTERRUPT_TOP;
        builder.call(0, kernel.address("tick"), kernel.returnAddress("sysvec_tick", 0), task, place);
        builder.call(0, kernel.address("lock"), kernel.returnAddress("tick", 0), task, place - FRAME_BYTES);
        return this;
    }

    /// A kernel thread's function makes a call.
    public SketchWorkload work() {
        task = WORKER;
        top = WORKER_TOP;
        event("work", "worker", 0, 0).event("lock", "work", 0, 1);
        task = TASK;
        top = STACK_TOP;
        return this;
    }

    SketchWorkload lose(int events) {
        builder.lost(0, events);
        return this;
    }

    /// The kernel's system calls.
    List<SystemCall> systemCalls() {
        return List.of(
                new SystemCall(0, "read", kernel.address("__x64_sys_read")),
                new SystemCall(1, "open", kernel.address("__x64_sys_open")));
    }

    /// Ends all flows.
    public void finish() {
        builder.finish();
    }
}
