package dev.plumbline.learning;

import static dev.plumbline.learning.SketchWorkload.OPEN;
import static dev.plumbline.learning.SketchWorkload.READ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.plumbline.callgraph.CodeSketch;
import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.ObservedEdge;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LearnerTest {
    private static final double EXACTLY = 1e-12;

    private Learner learner;
    private SketchWorkload workload;

    @BeforeEach
    void learn() throws Exception {
        learner = new Learner(SketchWorkload.IDENTITY);
        workload = new SketchWorkload(learner);
    }

    private Model model() {
        workload.finish();
        return learner.model(0);
    }

    private static ContextModel of(Model model, Context context) {
        return model.context(context).orElseThrow();
    }

    @Test
    void theThreeMethodsKeepWhatRan() {
        workload.read("ext4_read").read("ext4_read").read("proc_read");
        ContextModel read = of(model(), READ);
        assertThat(read.flowCount()).isEqualTo(3);
        assertThat(read.functions())
                .containsExactly(
                        new LearntFunction("__x64_sys_read", 3, 3),
                        new LearntFunction("lock", 6, 3),
                        new LearntFunction("ext4_read", 2, 2),
                        new LearntFunction("proc_read", 1, 1));
        assertThat(read.knowsEdge(place("__x64_sys_read", 1), "proc_read")).isTrue();
        assertThat(read.knowsEdge(place("__x64_sys_read", 0), "proc_read")).isFalse();
        assertThat(read.targets(place("__x64_sys_read", 1))).containsExactly("ext4_read", "proc_read");
        assertThat(read.targets(place("__x64_sys_read", 0))).isEmpty();
        assertThat(read.knownDepth(List.of("__x64_sys_read", "ext4_read", "lock")))
                .isEqualTo(3);
        assertThat(read.knownDepth(List.of("__x64_sys_read", "lock", "ext4_read")))
                .isEqualTo(2);
        assertThat(read.paths())
                .containsExactly(
                        new LearntPath(-1, "__x64_sys_read", 3, 3),
                        new LearntPath(0, "lock", 3, 3),
                        new LearntPath(0, "ext4_read", 2, 2),
                        new LearntPath(2, "lock", 2, 2),
                        new LearntPath(0, "proc_read", 1, 1),
                        new LearntPath(4, "lock", 1, 1));
    }

    private String place(String function, int step) {
        long offset = workload.kernel.returnAddress(function, step) - workload.kernel.address(function);
        return function + "+0x" + Long.toHexString(offset);
    }

    @Test
    void countsAreExactHoweverOftenAFlowRepeats() {
        for (int i = 0; i < 1000; i++) {
            workload.read(i % 10 == 9 ? "proc_read" : "ext4_read").open(true);
        }
        Model model = model();
        assertThat(of(model, READ).functions())
                .contains(new LearntFunction("lock", 2000, 1000), new LearntFunction("proc_read", 100, 100));
        assertThat(of(model, OPEN).edges())
                .contains(LearntEdge.of(place("__x64_sys_open", 1), "finish", LearntEdge.JUMPED, 1000, 1000));
        assertThat(model.callCount()).isEqualTo(7000);
        assertThat(model.systemCallCount()).isEqualTo(2000);
    }

    @Test
    void contextsAreKeptApart() {
        workload.read("ext4_read").interrupt().fault().open(false).work().work();
        Model model = model();
        assertThat(model.contexts().keySet())
                .containsExactly(
                        OPEN,
                        READ,
                        new Context(ContextKind.KERNEL_THREAD, "kworker"),
                        new Context(ContextKind.INTERRUPT, ""),
                        new Context(ContextKind.EXCEPTION, ""));
        assertThat(of(model, READ).knowsFunction("tick")).isFalse();
        assertThat(of(model, new Context(ContextKind.INTERRUPT, "")).knowsFunction("tick"))
                .isTrue();
        assertThat(of(model, new Context(ContextKind.EXCEPTION, "")).knowsFunction("fault"))
                .isTrue();
        assertThat(model.systemCallCount()).isEqualTo(2);
    }

    @Test
    void unseenIsTheShareOfFlowsThatWereNewsGivenAllOthers() {
        // Of six flows of `read`, two showed a function that no other did; of two of `open`, both did.
        workload.read("ext4_read").read("ext4_read").read("ext4_read").read("ext4_read");
        workload.read("proc_read").read("copy");
        workload.open(true).lockOnly();
        Model model = model();
        assertThat(of(model, READ).unseen().set()).isCloseTo((2 + 1) / 7.0, within(EXACTLY));
        assertThat(of(model, OPEN).unseen().set()).isCloseTo((2 + 1) / 3.0, within(EXACTLY));
        double expected = 6 / 8.0 * 3 / 7.0 + 2 / 8.0 * 3 / 3.0;
        assertThat(model.unseen().set()).isCloseTo(expected, within(EXACTLY));
        assertThat(model.unseen().edge()).isCloseTo(expected, within(EXACTLY));
        assertThat(model.unseen().path()).isCloseTo(expected, within(EXACTLY));
        assertThat(learner.progress().unseen()).isEqualTo(model.unseen());
    }

    @Test
    void whatWasNewsIsNoneOnceItRepeats() {
        workload.read("proc_read").read("ext4_read").read("copy");
        workload.read("copy").read("ext4_read").read("proc_read");
        assertThat(of(model(), READ).unseen().path()).isCloseTo(1 / 7.0, within(EXACTLY));
    }

    @Test
    void nothingLearntMeansEverythingIsUnseen() {
        assertThat(learner.progress().unseen()).isEqualTo(Unseen.EVERYTHING);
        assertThat(model().unseenOfAll()).isEqualTo(Unseen.EVERYTHING);
    }

    @Test
    void nothingIsLearntFromFlowsWithLosses() {
        workload.read("ext4_read").lose(5).read("proc_read").read("ext4_read");
        workload.finish();
        Model model = learner.model(5);
        assertThat(of(model, READ).knowsFunction("proc_read")).isTrue();
        assertThat(of(model, READ).flowCount()).isEqualTo(2);
        assertThat(model.losses()).isEqualTo(new Losses(5, 1, 0, 0));
    }

    @Test
    void unknownCodeIsNeverNormal() {
        long nowhere = CodeSketch.BASE + 0x100_0000;
        workload.read("ext4_read");
        workload.event(nowhere, workload.kernel.returnAddress("ext4_read", 0), 2);
        workload.event(workload.kernel.address("lock"), nowhere + 16, 3);
        workload.read("ext4_read");
        Model model = model();
        ContextModel read = of(model, READ);
        assertThat(read.functions()).extracting(LearntFunction::name).noneMatch(name -> name.startsWith("0x"));
        assertThat(read.edges())
                .flatExtracting(LearntEdge::site, LearntEdge::function)
                .noneMatch(name -> name.toString().startsWith("0x"));
        assertThat(read.flowCount()).isEqualTo(2);
        assertThat(model.losses().unknownCalls()).isEqualTo(2);
    }

    @Test
    void whatThereIsNoRoomForIsCountedAndNews() throws Exception {
        learner = new Learner(SketchWorkload.IDENTITY, new ModelLimits(1, 100, 3, 100, 100));
        workload = new SketchWorkload(learner);
        for (int i = 0; i < 10; i++) {
            workload.read("ext4_read").open(true).read("proc_read");
        }
        Model model = model();
        assertThat(model.contexts().keySet()).containsExactly(READ);
        assertThat(of(model, READ).count(Method.SET)).isEqualTo(3);
        assertThat(of(model, READ).knowsFunction("proc_read")).isFalse();
        assertThat(model.losses().noRoom()).isEqualTo(10);
        assertThat(model.losses().flows()).isEqualTo(10);
        assertThat(of(model, READ).unseen().set()).isCloseTo((10 + 1) / 21.0, within(EXACTLY));
        assertThat(of(model, READ).unseen().edge()).isCloseTo(1 / 21.0, within(EXACTLY));
    }

    @Test
    void edgesOfEdgeModeHaveTheSameNames() throws Exception {
        workload.read("ext4_read").fault().work();
        Model model = model();
        List<ObservedEdge> edges = new ArrayList<>();
        EdgeBuilder edgeMode =
                new EdgeBuilder(workload.kernel.code(), workload.systemCalls(), SketchWorkload::identity, edges::add);
        String fault = "asm_exc_page_fault";
        String read = "__x64_sys_read";
        int[] systemCalls = {0, 0, -3, 0, 1, 0x2000, 0};
        String[] functions = {"lock", "ext4_read", "lock", "fault", "ext4_read", "fault", "x64_sys_call"};
        String[] callers = {read, read, "work", fault, read, fault, "do_syscall_64"};
        int[] steps = {0, 1, 0, 0, 1, 0, 2};
        for (int i = 0; i < steps.length; i++) {
            long task = systemCalls[i] == -3 ? SketchWorkload.WORKER : SketchWorkload.TASK;
            long returnAddress = workload.kernel.returnAddress(callers[i], steps[i]);
            edgeMode.edge(0, workload.kernel.address(functions[i]), returnAddress, task, systemCalls[i]);
        }
        // Known in their context; a fault within a system call; of another system call; a fault in a 32-bit one;
        // the dispatcher.
        assertThat(edges).map(model::knows).containsExactly(true, true, true, true, false, true, true);
    }

    @Test
    void familiesOfThreads() {
        assertThat(Context.family("kworker/u4:2-events_unbound")).isEqualTo("kworker");
        assertThat(Context.family("ksoftirqd/0")).isEqualTo("ksoftirqd");
        assertThat(Context.family("kswapd0")).isEqualTo("kswapd");
        assertThat(Context.family("scsi_eh_1")).isEqualTo("scsi_eh");
        assertThat(Context.family("rcu_preempt")).isEqualTo("rcu_preempt");
        assertThat(Context.family("\033[31m")).isEqualTo("?[31m");
        assertThat(Context.family("12/3")).isEqualTo("?");
    }
}
