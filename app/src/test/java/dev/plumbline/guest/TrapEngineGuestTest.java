package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.probe.trap.TrapCounts;
import dev.plumbline.probe.trap.TrapEngine;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// What trap probes see of a program's system calls is what inline probes see of them, function by function. Both have
/// probes everywhere but where the whitelist says no.
///
/// As in [FunctionGraphGuestTest] a kernel does not do the same in each of two equal system calls: the tree that a
/// place of the program has most often by one engine must be one that the other saw as well.
@Tag("guest")
@Tag("all")
@Timeout(600)
class TrapEngineGuestTest {
    private static final String PROGRAM = "fixed-calls";
    private static final int INLINE_ROUNDS = 10;
    private static final int TRAP_ROUNDS = 2;
    private static final int MOST_RUNS = 2;
    private static final Duration LONGEST = Duration.ofMinutes(5);

    /// With the one that begins a round.
    private static final Set<String> CALLS = Set.of(("sched_get_priority_max mkdir openat pwrite64 lseek newfstat"
                    + " ftruncate fcntl dup rename newfstatat chdir getcwd getdents64 statfs unlink rmdir pipe2"
                    + " newuname prctl getrusage")
            .split(" "));

    @TempDir
    private Path directory;

    private GuestUnderTest guest;

    /// Sets probes.
    private interface Arming {
        ProbeEngine arm(
                LinuxKernel kernel, ProbeJournal journal, CallGraph graph, List<SystemCall> calls, List<Long> sites)
                throws Exception;
    }

    @ParameterizedTest
    @OnGuests({"V6_12, 2", "V6_1, 1", "V6_1, 2", "V6_12, 1"})
    void flowsAreThoseOfTheInlineEngine(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest booted =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(cpus))) {
            guest = booted;
            guest.guest().execChecked("echo 0 > /proc/sys/kernel/randomize_va_space; " + PROGRAM + " 3");
            TreesByCall inline = new TreesByCall();
            TreesByCall trap = new TreesByCall();
            List<String> differences = List.of("nothing was compared");
            for (int run = 0; run < MOST_RUNS && !differences.isEmpty(); run++) {
                trees(
                        inline,
                        INLINE_ROUNDS,
                        (kernel, journal, graph, calls, sites) -> InlineEngine.arm(kernel, journal, sites));
                trees(
                        trap,
                        TRAP_ROUNDS,
                        (kernel, journal, graph, calls, sites) -> TrapEngine.arm(
                                kernel, journal, graph, calls, sites, new Recording(RecordingMode.FULL, true)));
                differences = differences(inline, trap);
            }
            assertThat(differences).isEmpty();
            assertThat(guest.console()).doesNotContain("BUG:", "WARNING:", "Oops", "stall");
        }
    }

    private void trees(TreesByCall trees, int rounds, Arming arming) throws Exception {
        Map<Integer, List<RanFunction>> tasks = new TreeMap<>();
        FlowNames names = new FlowNames();
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            CallGraph graph = CallGraph.of(kernel.code());
            List<SystemCall> all = kernel.systemCalls();
            List<SystemCall> calls =
                    all.stream().filter(call -> CALLS.contains(call.name())).toList();
            assertThat(calls).hasSameSizeAs(CALLS);
            FunctionSelection chosen = FunctionSelection.all(graph, all).without(Whitelist.own());
            CommonNames common = new CommonNames(graph);
            FlowBuilder flows = new FlowBuilder(
                    TracedCode.of(graph, all, chosen.functions(), kernel.frameSizes()),
                    new TaskStructs(kernel),
                    kernel.perCpu().bases().length,
                    flow -> {
                        if (flow.kind() == FlowKind.SYSTEM_CALL
                                && flow.task().comm().equals(PROGRAM)
                                && CALLS.contains(flow.systemCall().name())) {
                            tasks.computeIfAbsent(flow.task().pid(), _ -> new ArrayList<>())
                                    .add(common.in(
                                            RecordedFlow.of(flow, names).roots().getFirst()));
                        }
                    });
            ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
            List<Long> sites = Arrays.stream(chosen.sites()).boxed().toList();
            try (ProbeEngine engine = arming.arm(kernel, journal, graph, calls, sites);
                    RunningCommand running = guest.guest()
                            .withLimits(ExecLimits.DEFAULT.withTotal(LONGEST).withSilence(LONGEST))
                            .start(PROGRAM + " " + rounds)) {
                while (running.running()) {
                    engine.poll(flows);
                    flows.settle();
                }
                assertThat(running.await().status()).isZero();
                engine.disarm();
                while (engine.poll(flows) > 0) {
                    flows.settle();
                }
                flows.finish();
                assertThat(engine.lost()).isZero();
                if (engine instanceof TrapEngine trap) {
                    assertCounts(trap.counts());
                }
            }
        }
        tasks.values().stream()
                .filter(list -> list.stream().anyMatch(call -> call.name().endsWith("sched_get_priority_max")))
                .forEach(trees::add);
    }

    private static void assertCounts(TrapCounts counts) {
        assertThat(counts.emulated() + counts.stepped()).isEqualTo(counts.hits());
        assertThat(counts.emulated()).as("%s", counts).isGreaterThan(counts.stepped() * 10);
        assertThat(counts.dropped()).isZero();
    }

    private static List<String> differences(TreesByCall inline, TreesByCall trap) {
        assertThat(trap.places()).isEqualTo(inline.places());
        List<String> differences = new ArrayList<>();
        for (String place : inline.places()) {
            String its = inline.usual(place);
            String ours = trap.usual(place);
            if (trap.count(place, its) == 0 && inline.count(place, ours) == 0) {
                differences.add(place + ", inline and trap: " + TreesByCall.parting(its, ours));
            }
        }
        return differences;
    }
}
