package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What interrupts system calls is in flows of its own: timer interrupts, softirqs, page faults, and NMIs that the test
/// injects. Tasks begin, end, become other programs and come back from signals meanwhile.
@Tag("guest")
@Timeout(300)
class InterruptionsGuestTest {
    private static final long NMI_PAUSE_MILLIS = 50;
    private static final String PROGRAM = "fixed-calls";

    /// What entry code calls, and nothing else does.
    private static final Pattern INTERRUPTION = Pattern.compile(
            "irq_enter_rcu|irq_exit_rcu|__sysvec_.*|__common_interrupt|handle_softirqs|__do_softirq|default_do_nmi"
                    + "|nmi_handle|lock_mm_and_find_vma|lock_vma_under_rcu");

    @TempDir
    private Path directory;

    /// Keeps what the test asks about.
    private static final class Watch implements FlowSink {
        private final FlowNames names = new FlowNames();
        private final Set<String> misplaced = new TreeSet<>();
        private final Map<FlowKind, Set<String>> functions = new HashMap<>();
        private final Set<String> lastOfExit = new TreeSet<>();
        private final Set<String> ended = new TreeSet<>();
        private final Set<String> firstOfTasks = new TreeSet<>();
        private final Set<String> beganUnseen = new TreeSet<>();

        @Override
        public void flow(Flow flow) {
            Set<String> seen = functions.computeIfAbsent(flow.kind(), _ -> new TreeSet<>());
            boolean isOfProgram = flow.task().comm().equals(PROGRAM);
            if (isOfProgram && flow.kind() == FlowKind.NEW_TASK && !flow.isWhole()) {
                beganUnseen.add(names.function(flow, 0) + " of " + flow.task());
            }
            boolean isProgram = isOfProgram && flow.isWhole();
            for (int call = 0; call < flow.callCount(); call++) {
                String function = names.function(flow, call);
                seen.add(function);
                if (isProgram
                        && flow.kind() == FlowKind.SYSTEM_CALL
                        && INTERRUPTION.matcher(function).matches()) {
                    misplaced.add(function + " in " + flow.systemCall().name());
                }
            }
            if (isProgram) {
                keep(flow);
            }
        }

        private void keep(Flow flow) {
            if (flow.kind() == FlowKind.NEW_TASK) {
                firstOfTasks.add(names.function(flow, 0));
            } else if (flow.kind() == FlowKind.SYSTEM_CALL && flow.hasEnded()) {
                ended.add(flow.systemCall().name());
                if (flow.systemCall().name().equals("exit_group")) {
                    for (int call = 0; call < flow.callCount(); call++) {
                        lastOfExit.add(names.function(flow, call));
                    }
                }
            }
        }

        private Set<String> functions(FlowKind kind) {
            return functions.getOrDefault(kind, Set.of());
        }
    }

    @ParameterizedTest
    @CsvSource({"V6_1, 1", "V6_12, 2"})
    void whatInterruptsSystemCallsIsSetApart(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(cpus))) {
            Watch watch = new Watch();
            Thread nmis = Thread.ofVirtual().start(() -> inject(guest));
            ProbedGuest.Outcome outcome = new ProbedGuest(guest, directory).run(PROGRAM + " 20", watch);
            nmis.interrupt();
            nmis.join();
            assertThat(watch.misplaced).isEmpty();
            assertThat(watch.functions(FlowKind.INTERRUPT))
                    .contains("hrtimer_interrupt", "net_rx_action")
                    .anyMatch(function -> function.startsWith("nmi_handle"));
            assertThat(watch.functions(FlowKind.EXCEPTION)).contains("handle_mm_fault");
            assertThat(watch.firstOfTasks)
                    .isSubsetOf("ret_from_fork", "schedule_tail")
                    .hasSize(1);
            if (outcome.lost() == 0) {
                assertThat(watch.beganUnseen).isEmpty();
            }
            assertThat(watch.ended).contains("execve", "exit_group", "rt_sigreturn", "clone", "wait4");
            assertThat(watch.lastOfExit).contains("do_exit", "do_task_dead");
        }
    }

    // Until it is interrupted: when probes will be set is not known here.
    private static void inject(GuestUnderTest guest) {
        try (QmpClient monitor = guest.monitor()) {
            while (true) {
                Thread.sleep(NMI_PAUSE_MILLIS);
                monitor.execute("inject-nmi");
            }
        } catch (GuestException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }
}
