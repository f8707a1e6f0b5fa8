package dev.plumbline.monitoring;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.ObservedEdge;
import dev.plumbline.extraction.Reach;
import dev.plumbline.extraction.SketchKernel;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A small kernel learns `read`; what it does after that is compared.
class EdgeComparisonTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK = 0xffffc90000000000L;
    private static final TaskIdentity WHO = new TaskIdentity(7, 7, "reader", false, STACK);
    private static final long GONE = 0xffffffffc0ee0000L;
    private static final int READ = 0;
    private static final int CLOSE = 1;
    private static final int UNLEARNT = 2;
    private static final Map<String, Set<Integer>> TYPES = Map.of(
            "ext4_read", Set.of(11),
            "proc_read", Set.of(11),
            "pipe_read", Set.of(11),
            "wake", Set.of(12),
            "commit", Set.of(12));

    private final SketchKernel kernel = new SketchKernel();
    private final List<Alert> alerts = new ArrayList<>();
    private EdgeBuilder edges;
    private EdgeComparison comparison;

    @BeforeEach
    void learn() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_read"), call("__x64_sys_close"))
                .function("__x64_sys_read", call("lock"), indirect(), call("copy"))
                .function("__x64_sys_close", call("lock"))
                .function("lock")
                .function("copy", tail("finish"))
                .function("finish")
                .function("ext4_read", call("lock"))
                .function("proc_read")
                .function("commit")
                .function("untyped")
                .function("pipe_read", tail("wake"))
                .function("wake")
                .idleModule("idle")
                .build();
        Learner learner = new Learner(new KernelIdentity("Linux version 6.1.0-sketch (nobody)", "b01dface", "0123"));
        FlowBuilder flows = new FlowBuilder(kernel.code(), _ -> WHO, 1, learner);
        learnt(flows, "__x64_sys_read", "do_syscall_64", 0, 200);
        learnt(flows, "lock", "__x64_sys_read", 0, 300);
        learnt(flows, "ext4_read", "__x64_sys_read", 1, 300);
        learnt(flows, "__x64_sys_close", "do_syscall_64", 1, 200);
        learnt(flows, "__x64_sys_read", "do_syscall_64", 0, 200);
        flows.finish();
        Model model = learner.model(0);
        comparison = new EdgeComparison(
                model, EdgeComparisonTest::types, new Lists(), new NamedTailCalls(kernel.graph()), alerts::add);
        List<SystemCall> calls = List.of(
                new SystemCall(READ, "read", kernel.address("__x64_sys_read")),
                new SystemCall(CLOSE, "close", kernel.address("__x64_sys_close")),
                new SystemCall(UNLEARNT, "fsync", kernel.address("copy")));
        edges = new EdgeBuilder(kernel.code(), calls, _ -> WHO, comparison);
    }

    private static Set<Integer> types(String function, Optional<String> module) {
        return module.isEmpty() ? TYPES.getOrDefault(function, Set.of()) : Set.of();
    }

    private static final class Lists implements EdgeComparison.OwnCode {
        @Override
        public Optional<String> generated(long address) {
            return address == 0xffffffffc0de0000L ? Optional.of("a BPF program") : Optional.empty();
        }

        @Override
        public Optional<String> module(long address) {
            return address == 0xffffffffc0fe0000L ? Optional.of("fresh") : Optional.empty();
        }

        @Override
        public Optional<String> otherModule(long address, String module) {
            return address == 0xffffffffc0ee0000L ? Optional.of("new") : Optional.empty();
        }

        @Override
        public boolean isGone(long address) {
            return address == GONE;
        }
    }

    private void learnt(FlowBuilder flows, String function, String caller, int step, int below) {
        long place = STACK + 0x4000 - below;
        flows.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, place);
    }

    private Alert only(String function, String caller, int step) {
        alerts.clear();
        edges.edge(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, READ);
        assertThat(alerts).hasSize(1);
        return alerts.getFirst();
    }

    @Test
    void whatWasLearntIsNormal() {
        edges.edge(0, kernel.address("lock"), kernel.returnAddress("__x64_sys_read", 0), TASK, READ);
        edges.edge(0, kernel.address("ext4_read"), kernel.returnAddress("__x64_sys_read", 1), TASK, READ);
        assertThat(alerts).isEmpty();
    }

    @Test
    void whatIsNewAndPossibleIsLow() {
        Alert alert = only("copy", "__x64_sys_read", 2);
        assertThat(alert.severity()).isEqualTo(Severity.LOW);
        assertThat(alert.detector()).isEqualTo(Detector.SET);
        assertThat(only("finish", "__x64_sys_read", 2).severity()).isEqualTo(Severity.LOW);
        assertThat(only("lock", "ext4_read", 0).detector()).isEqualTo(Detector.EDGE);
        edges.edge(0, kernel.address("lock"), kernel.returnAddress("__x64_sys_close", 0), TASK, CLOSE);
        assertThat(alerts.getLast().detector())
                .as("what another system call does")
                .isEqualTo(Detector.SET);
        assertThat(alerts).allMatch(each -> each.severity() == Severity.LOW);
    }

    @Test
    void aDirectCallThatLeadsElsewhereIsCritical() {
        Alert alert = only("commit", "__x64_sys_read", 0);
        assertThat(alert.severity()).isEqualTo(Severity.CRITICAL);
        assertThat(alert.detector()).isEqualTo(Detector.STATIC_RULE);
        assertThat(alert.function()).isEqualTo("lock");
        assertThat(alert.title()).isEqualTo("a call of lock led to commit");
    }

    @Test
    void whereModulesTakeTurnsNoneIsBlamedForTheCallsOfAnother() {
        assertThat(impossibleIn("old", 0xffffffffc0fe0000L).severity())
                .as("another is there now")
                .isLessThan(Severity.CRITICAL);
        Alert alert = impossibleIn("old", 0xffffffffc0ee0000L);
        assertThat(alert.severity()).as("another was there").isLessThan(Severity.CRITICAL);
        assertThat(alert.title()).contains("code of module new");
        assertThat(impossibleIn("fresh", 0xffffffffc0fe0000L).severity()).isEqualTo(Severity.CRITICAL);
    }

    private Alert impossibleIn(String module, long returnAddress) {
        alerts.clear();
        comparison.edge(new ObservedEdge(
                "read",
                true,
                "helper+0x5 [%s]".formatted(module),
                "lock",
                true,
                false,
                Reach.IMPOSSIBLE,
                "commit",
                kernel.address("lock"),
                returnAddress,
                WHO,
                0));
        assertThat(alerts).hasSize(1);
        return alerts.getFirst();
    }

    @Test
    void aPointerLeadsToFunctionsOfTheTypesItWasSeenToLeadTo() {
        assertThat(only("proc_read", "__x64_sys_read", 1).severity()).isEqualTo(Severity.LOW);
        Alert alert = only("commit", "__x64_sys_read", 1);
        assertThat(alert.severity()).isEqualTo(Severity.HIGH);
        assertThat(alert.function()).isEqualTo("ext4_read");
        assertThat(alert.evidence())
                .first()
                .satisfies(each -> assertThat(each.found()).isEqualTo("commit"));
        assertThat(only("untyped", "__x64_sys_read", 1).severity()).isEqualTo(Severity.MEDIUM);
    }

    @Test
    void whatAFunctionOfTheRightTypeEndsInIsPossibleThoughThatOneWasNotSeen() {
        assertThat(only("wake", "__x64_sys_read", 1).severity()).isEqualTo(Severity.LOW);
    }

    @Test
    void callersInNoKnownCodeAreCriticalUnlessTheKernelMadeThem() {
        edges.edge(0, kernel.address("lock"), 0xffffffffc0de0000L, TASK, READ);
        edges.edge(0, kernel.address("lock"), 0xffffffffc0ff0000L, TASK, READ);
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.LOW, Severity.CRITICAL);
        assertThat(alerts.getLast().function()).isEqualTo("lock");
    }

    @Test
    void aModuleThatHasJustComeIsAStranger() {
        edges.edge(0, kernel.address("lock"), 0xffffffffc0fe0000L, TASK, READ);
        edges.indirect(0, 0xffffffffc0fe0000L, kernel.returnAddress("__x64_sys_read", 1), TASK);
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.HIGH, Severity.LOW);
        assertThat(alerts).allMatch(alert -> alert.title().contains("module fresh"));
        assertThat(alerts.getFirst().path()).containsExactly("0xffffffffc0fe0000 [fresh]", "lock");
    }

    @Test
    void aModuleThatWasLoadedAndIdleWhileLearningIsNone() {
        moduleRuns("read", "__x64_sys_read+0x99", "helper [idle]");
        moduleRuns("read", "__x64_sys_read+0x99", "helper [fresh]");
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.LOW, Severity.HIGH);
    }

    @Test
    void codeThatHasGoneIsAStrangerWhereverItWas() {
        edges.edge(0, kernel.address("lock"), GONE, TASK, READ);
        edges.edge(0, kernel.address("lock"), GONE, TASK, UNLEARNT);
        edges.indirect(0, GONE, kernel.returnAddress("__x64_sys_read", 1), TASK);
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.HIGH, Severity.MEDIUM, Severity.MEDIUM);
        assertThat(alerts).allMatch(alert -> alert.title().contains("gone"));
    }

    @Test
    void codeThatIsNoFunctionIsCritical() {
        edges.indirect(0, 0xffffc90000123000L, kernel.returnAddress("__x64_sys_read", 1), TASK);
        assertThat(alerts).hasSize(1);
        assertThat(alerts.getFirst().severity()).isEqualTo(Severity.CRITICAL);
        assertThat(alerts.getFirst().function()).isEqualTo("ext4_read");
        assertThat(alerts.getFirst().evidence().getFirst().found()).contains("0xffffc90000123000");
    }

    @Test
    void codeThatTheKernelHasMadeMayBeCalled() {
        edges.indirect(0, 0xffffffffc0de0000L, kernel.returnAddress("__x64_sys_read", 1), TASK);
        edges.indirect(0, 0xffffffffc0de1000L, kernel.returnAddress("__x64_sys_read", 1), TASK);
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.LOW, Severity.CRITICAL);
        assertThat(alerts.getFirst().title()).contains("a BPF program");
    }

    private void moduleRuns(String context, String caller, String function) {
        comparison.edge(new ObservedEdge(context, true, caller, function, true, true, Reach.POINTER, "", 1, 1, WHO, 0));
    }

    @Test
    void aModuleThatWasNotThereIsHighWhereSystemCallsWereLearntButForLoadingIt() {
        moduleRuns("read", "__x64_sys_read+0x11", "hook_read [evil]");
        moduleRuns("finit_module", "do_one_initcall+0x40", "init [evil]");
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.HIGH, Severity.LOW);
        assertThat(alerts.getFirst().title()).contains("evil", "read");
    }
}
