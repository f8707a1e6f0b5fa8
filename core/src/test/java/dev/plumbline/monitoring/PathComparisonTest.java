package dev.plumbline.monitoring;

import static dev.plumbline.extraction.SketchKernel.call;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowEdges;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.SketchKernel;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A small kernel learns `read`, which does its work in one of two ways; then it goes others.
@Timeout(60)
class PathComparisonTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK = 0xffffc90000000000L;
    private static final TaskIdentity WHO = new TaskIdentity(7, 7, "reader", false, STACK);
    private static final int MANY = 1000;

    private final SketchKernel kernel = new SketchKernel();
    private final List<Alert> alerts = new ArrayList<>();

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_read"), call("__x64_sys_close"))
                .function("__x64_sys_read", call("check"), call("cached"), call("uncached"))
                .function("__x64_sys_close", call("check"))
                .function("check")
                .function("cached", call("copy"))
                .function("uncached", call("copy"), call("wait"))
                .function("copy", call("fault"))
                .function("wait")
                .function("fault")
                .build();
    }

    /// Calls of a task, each from a step of the one that it stands below.
    private final class Calls {
        private final FlowBuilder flows;

        Calls(FlowSink sink) {
            flows = new FlowBuilder(kernel.code(), _ -> WHO, 1, sink);
        }

        Calls call(int depth, String function, String caller, int step) {
            long place = STACK + 0x4000 - 200 - 64L * depth;
            flows.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, place);
            return this;
        }

        Calls read() {
            return call(0, "__x64_sys_read", "do_syscall_64", 0);
        }

        Calls check() {
            return call(1, "check", "__x64_sys_read", 0);
        }

        Calls cached() {
            return call(1, "cached", "__x64_sys_read", 1).call(2, "copy", "cached", 0);
        }

        Calls uncached() {
            return call(1, "uncached", "__x64_sys_read", 2).call(2, "copy", "uncached", 0);
        }

        Calls fault() {
            return call(3, "fault", "copy", 0);
        }
    }

    private Model learnt(int rounds) {
        Learner learner = new Learner(new KernelIdentity("Linux version 6.1.0-sketch (nobody)", "b01dface", "0123"));
        Calls calls = new Calls(learner);
        for (int round = 0; round < rounds; round++) {
            calls.read().check().cached().fault().read().check().uncached();
        }
        calls.flows.finish();
        return learner.model(0);
    }

    private Calls compared(int rounds) {
        return new Calls(new PathComparison(learnt(rounds), alerts::add));
    }

    @Test
    void waysThatWereLearntAreNormal() {
        Calls calls = compared(MANY);
        calls.read()
                .check()
                .uncached()
                .read()
                .check()
                .cached()
                .fault()
                .read()
                .check()
                .cached();
        calls.flows.finish();
        assertThat(alerts).isEmpty();
    }

    @Test
    void aNewWayOfKnownCallsIsLowAndToldOnce() {
        Calls calls = compared(1);
        calls.read().check().uncached().fault();
        calls.read().check().uncached().fault();
        calls.flows.finish();
        assertThat(alerts).hasSize(1);
        Alert alert = alerts.getFirst();
        assertThat(alert.severity()).isEqualTo(Severity.LOW);
        assertThat(alert.detector()).isEqualTo(Detector.PATH);
        assertThat(alert.function()).isEqualTo("fault");
        assertThat(alert.path()).containsExactly("__x64_sys_read", "uncached", "copy", "fault");
        assertThat(alert.title()).startsWith("read ");
        assertThat(alert.task()).isEqualTo(Optional.of(WHO));
    }

    @Test
    void newCallsAreLeftToTheEdges() {
        Calls calls = compared(1);
        calls.read().check().uncached().call(2, "wait", "uncached", 1);
        calls.call(0, "__x64_sys_close", "do_syscall_64", 1).call(1, "check", "__x64_sys_close", 0);
        calls.flows.finish();
        assertThat(alerts).isEmpty();
    }

    @Test
    void whatEveryOneOfManyFlowsDidIsMissedOnce() {
        Calls calls = compared(MANY);
        calls.read().cached().read().cached();
        calls.read().check().cached();
        calls.flows.finish();
        assertThat(alerts).hasSize(1);
        Alert alert = alerts.getFirst();
        assertThat(alert.severity()).isEqualTo(Severity.LOW);
        assertThat(alert.detector()).isEqualTo(Detector.PATH);
        assertThat(alert.path()).containsExactly("__x64_sys_read", "check");
    }

    @Test
    void whatFewFlowsDidIsNotMissedNorWhatIsNotOver() {
        Calls few = compared(10);
        few.read().cached();
        few.flows.finish();
        Calls open = compared(MANY);
        open.read().cached();
        open.flows.finish();
        assertThat(alerts).isEmpty();
    }

    @Test
    void flowsThatAreNotWholeAreNotCompared() {
        Calls calls = compared(MANY);
        calls.read().flows.lost(0, 1);
        calls.uncached().fault();
        calls.flows.finish();
        assertThat(alerts).isEmpty();
    }

    private Calls comparedByEdge() {
        EdgeComparison comparison = new EdgeComparison(
                learnt(1), (_, _) -> Set.of(), new NoOtherCode(), new NamedTailCalls(kernel.graph()), alerts::add);
        return new Calls(new FlowEdges(kernel.code(), comparison));
    }

    @Test
    void edgesOfFlowsThatAreNotWholeNeedBeKnownSomewhereOnly() {
        Calls calls = comparedByEdge();
        calls.read().flows.lost(0, 1);
        calls.cached().fault();
        calls.read().flows.lost(0, 1);
        calls.uncached().call(2, "wait", "uncached", 1);
        calls.flows.finish();
        assertThat(alerts).hasSize(1);
        assertThat(alerts.getFirst().function()).isEqualTo("wait");
        assertThat(alerts.getFirst().context()).isEmpty();
    }

    @Test
    void edgesOfFlowsAreComparedToo() {
        Calls calls = comparedByEdge();
        calls.read().check().uncached().fault();
        assertThat(alerts).isEmpty();
        for (int round = 0; round < 2; round++) {
            calls.read().check().uncached().call(2, "wait", "uncached", 1);
            calls.read().call(1, "wait", "__x64_sys_read", 0);
        }
        calls.flows.finish();
        assertThat(alerts).extracting(Alert::severity).containsExactly(Severity.LOW, Severity.CRITICAL);
        assertThat(alerts).extracting(Alert::detector).containsExactly(Detector.SET, Detector.STATIC_RULE);
    }
}
