package dev.plumbline.monitoring;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.SketchKernel;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import dev.plumbline.probe.EdgeContext;
import dev.plumbline.probe.KnownEdge;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What was learnt of a small kernel, by addresses of the same one or of one that was changed.
@Timeout(60)
class ModelEdgesTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long THREAD = 0xffff888000020000L;
    private static final long STACK = 0xffffc90000000000L;
    private static final long THREAD_STACK = 0xffffc90000008000L;
    private static final long INTERRUPT_TOP = 0xffffc90080003800L;
    private static final int READ = 3;
    private static final int CLOSE = 5;

    private final List<Alert> alerts = new ArrayList<>();
    private Model model;

    private static SketchKernel kernel(String called) throws Exception {
        return new SketchKernel()
                .function("do_syscall_64", call("__x64_sys_read"), call("__x64_sys_close"))
                .function("__x64_sys_read", call(called), indirect())
                .function("__x64_sys_close", call("lock"))
                .function("sysvec_tick", call("tick"))
                .function("worker", call("work"))
                .function("tick", call("lock"))
                .function("work", call("lock"))
                .function("lock")
                .function("ext4_read")
                .function("commit")
                .build();
    }

    private static TaskIdentity identity(long task) {
        return task == THREAD
                ? new TaskIdentity(9, 9, "kworker/0:1", true, THREAD_STACK)
                : new TaskIdentity(7, 7, "reader", false, STACK);
    }

    @BeforeEach
    void learn() throws Exception {
        SketchKernel kernel = kernel("lock");
        Learner learner = new Learner(new KernelIdentity("Linux version 6.1.0-sketch (nobody)", "b01dface", "0123"));
        FlowBuilder flows = new FlowBuilder(kernel.code(), ModelEdgesTest::identity, 1, learner);
        enter(flows, kernel, "__x64_sys_read", "do_syscall_64", 0, TASK, STACK + 0x3f00);
        enter(flows, kernel, "lock", "__x64_sys_read", 0, TASK, STACK + 0x3e00);
        enter(flows, kernel, "ext4_read", "__x64_sys_read", 1, TASK, STACK + 0x3e00);
        enter(flows, kernel, "tick", "sysvec_tick", 0, TASK, INTERRUPT_TOP);
        enter(flows, kernel, "lock", "tick", 0, TASK, INTERRUPT_TOP - 64);
        enter(flows, kernel, "work", "worker", 0, THREAD, THREAD_STACK + 0x3f00);
        enter(flows, kernel, "lock", "work", 0, THREAD, THREAD_STACK + 0x3e00);
        flows.finish();
        model = learner.model(0);
    }

    private static void enter(
            FlowBuilder flows, SketchKernel kernel, String function, String caller, int step, long task, long place) {
        flows.call(0, kernel.address(function), kernel.returnAddress(caller, step), task, place);
    }

    private static List<SystemCall> calls(SketchKernel kernel) {
        return List.of(
                new SystemCall(READ, "read", kernel.address("__x64_sys_read")),
                new SystemCall(CLOSE, "close", kernel.address("__x64_sys_close")));
    }

    private EdgeComparison comparison(SketchKernel kernel) {
        return new EdgeComparison(
                model, (_, _) -> Set.of(), new NoOtherCode(), new NamedTailCalls(kernel.graph()), alerts::add);
    }

    private List<KnownEdge> known(SketchKernel kernel) {
        List<Long> sites = Arrays.stream(kernel.graph().patchPlaces().ftraceSites())
                .boxed()
                .toList();
        return new ModelEdges(model, comparison(kernel), kernel.code(), sites).known(calls(kernel));
    }

    private static KnownEdge edge(SketchKernel kernel, String function, String caller, int step, int systemCall) {
        return new KnownEdge(kernel.address(function), kernel.returnAddress(caller, step), systemCall);
    }

    @Test
    void whatIsLearntIsKnownInItsSystemCallAndOfInterruptsEverywhere() throws Exception {
        SketchKernel kernel = kernel("lock");
        List<KnownEdge> known = known(kernel);
        assertThat(known)
                .doesNotHaveDuplicates()
                .contains(
                        edge(kernel, "lock", "__x64_sys_read", 0, READ),
                        edge(kernel, "ext4_read", "__x64_sys_read", 1, READ),
                        edge(kernel, "tick", "sysvec_tick", 0, EdgeContext.INTERRUPT_STACK),
                        edge(kernel, "lock", "tick", 0, READ),
                        edge(kernel, "lock", "tick", 0, EdgeContext.KERNEL_THREAD))
                .doesNotContain(
                        edge(kernel, "lock", "__x64_sys_read", 0, CLOSE),
                        edge(kernel, "lock", "__x64_sys_close", 0, CLOSE));
    }

    @Test
    void whatOneKernelThreadDoesIsTold() throws Exception {
        SketchKernel kernel = kernel("lock");
        assertThat(known(kernel)).doesNotContain(edge(kernel, "lock", "work", 0, EdgeContext.KERNEL_THREAD));
    }

    @Test
    void nothingIsKnownThatWouldBeReported() throws Exception {
        for (String called : List.of("lock", "commit")) {
            SketchKernel kernel = kernel(called);
            List<KnownEdge> known = known(kernel);
            EdgeBuilder edges =
                    new EdgeBuilder(kernel.code(), calls(kernel), ModelEdgesTest::identity, comparison(kernel));
            for (KnownEdge edge : known) {
                long task = edge.systemCall() == EdgeContext.KERNEL_THREAD ? THREAD : TASK;
                edges.edge(0, edge.site(), edge.returnAddress(), task, edge.systemCall());
            }
            assertThat(known).isNotEmpty();
            assertThat(alerts).isEmpty();
        }
    }

    @Test
    void aCallThatNowLeadsElsewhereIsToldThoughItWasLearnt() throws Exception {
        SketchKernel changed = kernel("commit");
        assertThat(known(changed))
                .contains(edge(changed, "ext4_read", "__x64_sys_read", 1, READ))
                .doesNotContain(edge(changed, "lock", "__x64_sys_read", 0, READ));
    }

    @Test
    void whatHasNoProbeIsNotAmongThem() throws Exception {
        SketchKernel kernel = kernel("lock");
        List<Long> sites = List.of(kernel.address("lock"));
        assertThat(new ModelEdges(model, comparison(kernel), kernel.code(), sites).known(calls(kernel)))
                .isNotEmpty()
                .allMatch(each -> each.site() == kernel.address("lock"));
    }
}
