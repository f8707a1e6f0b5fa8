package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.monitoring.GeneratedCode;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Calls through pointers are checked in a guest that is busy: what has no probe is reported, what has one never is,
/// and code that is no function of the kernel's shows in the flow that called it.
@Tag("guest")
@Timeout(240)
class IndirectCallsGuestTest {
    private static final int ENDBR_BYTES = 4;
    private static final int FEWEST_PLAIN_SITES = 7_000;
    private static final int MOST_AWAITED_SITES = 100;

    @TempDir
    private Path directory;

    /// Passes events on and remembers where indirect calls led.
    private static final class Targets implements CallEventSink {
        private final Set<Long> targets = new TreeSet<>();
        private final FlowBuilder flows;

        Targets(FlowBuilder flows) {
            this.flows = flows;
        }

        @Override
        public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
            flows.call(cpu, site, returnAddress, task, stackPointer);
        }

        @Override
        public void indirect(int cpu, long target, long returnAddress, long task) {
            targets.add(target);
            flows.indirect(cpu, target, returnAddress, task);
        }

        @Override
        public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
            throw new AssertionError("an edge, though every call is recorded");
        }

        @Override
        public void time(int cpu, long timeStampCounter) {
            flows.time(cpu, timeStampCounter);
        }

        @Override
        public void lost(int cpu, long count) {
            flows.lost(cpu, count);
        }
    }

    @ParameterizedTest
    @OnGuests(
            value = {"V6_1, 2, true", "V6_12, 2, false", "V6_12, 1, true", "V6_1, 1, false"},
            first = 1)
    void targetsWithoutAProbeAreReported(GuestKernel version, int cpus, boolean hasRetpolines) throws Exception {
        String arguments = hasRetpolines ? "" : "spectre_v2=off";
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(cpus).withAppend(arguments));
                Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            CallGraph graph = CallGraph.of(kernel.code());
            assertThat(hasRetpolines(graph)).isEqualTo(hasRetpolines);
            List<CodeRegion> before = kernel.code().regions();
            String logBefore = guest.console();
            List<Long> sites = kernel.ftraceRecords().stream()
                    .filter(record -> !record.disabled() && !record.enabled())
                    .map(FtraceRecord::address)
                    .toList();
            List<Long> half = sites.stream().filter(site -> site / 16 % 2 == 0).toList();

            Set<String> unknown = new HashSet<>();
            Set<Long> targets = run(guest, kernel, graph, sites, "bpf-filter 1 20", unknown);
            assertThat(entries(targets, graph)).as("with a probe").doesNotContainAnyElementsOf(sites);
            assertThat(targets).as("the filter").anyMatch(target -> !isFunction(graph, target));
            assertThat(unknown).as("flows that call it").contains("sendto from sk_filter_trim_cap");
            awaitGone(kernel, targets, graph);

            targets = run(guest, kernel, graph, half, "stress 4", unknown);
            assertThat(targets).hasSizeGreaterThan(10).allMatch(target -> isFunction(graph, target));
            assertThat(entries(targets, graph))
                    .doesNotContainAnyElementsOf(half)
                    .containsAnyElementsOf(sites);

            for (CodeRegion region : before) {
                byte[] now = new byte[(int) region.bytes().byteSize()];
                kernel.addressSpace().read(new VirtualAddress(region.baseAddress()), MemorySegment.ofArray(now));
                assertThat(region.bytes().mismatch(MemorySegment.ofArray(now))).isEqualTo(-1);
            }
            assertThat(guest.console()).isEqualTo(logBefore);
        }
    }

    private static boolean hasRetpolines(CallGraph graph) {
        return graph.indirectSites().stream().filter(IndirectSite::viaThunk).count() > FEWEST_PLAIN_SITES;
    }

    // The kernel gives back a program's memory some time after its socket was closed.
    private static void awaitGone(LinuxKernel kernel, Set<Long> targets, CallGraph graph) throws InterruptedException {
        GeneratedCode own = new GeneratedCode(kernel);
        for (long target : targets) {
            while (!isFunction(graph, target) && !own.isGone(target)) {
                Thread.sleep(10);
            }
        }
    }

    private static boolean isFunction(CallGraph graph, long address) {
        int function = graph.functionAt(address);
        return function != CallGraph.NONE && graph.function(function).address() == address;
    }

    // The places a probe could be at in these functions.
    private static Set<Long> entries(Set<Long> targets, CallGraph graph) {
        Set<Long> entries = new HashSet<>();
        for (long target : targets) {
            if (isFunction(graph, target)) {
                entries.add(target);
                entries.add(target + ENDBR_BYTES);
            }
        }
        return entries;
    }

    private Set<Long> run(
            GuestUnderTest guest,
            LinuxKernel kernel,
            CallGraph graph,
            List<Long> sites,
            String command,
            Set<String> unknown)
            throws Exception {
        FlowNames names = new FlowNames();
        FlowBuilder flows = new FlowBuilder(
                TracedCode.of(graph, kernel.systemCalls(), kernel.frameSizes()),
                new TaskStructs(kernel),
                kernel.perCpu().bases().length,
                flow -> collect(flow, names, unknown));
        Targets targets = new Targets(flows);
        ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
        List<IndirectSite> indirect = graph.indirectSites();
        try (InlineEngine engine =
                        InlineEngine.arm(kernel, journal, sites, new Recording(RecordingMode.FULL, true), indirect);
                RunningCommand running = guest.guest().start(command)) {
            while (running.running() && !running.stdoutSoFar().contains("ready\n")) {
                engine.poll(targets);
                flows.settle();
            }
            assertThat(engine.checkedThunkCount()).isGreaterThanOrEqualTo(15);
            assertThat(engine.checkedSiteCount() > FEWEST_PLAIN_SITES).isNotEqualTo(hasRetpolines(graph));
            assertThat(engine.awaitedSiteCount()).isLessThan(MOST_AWAITED_SITES);
            engine.disarm();
            PolledToTheEnd.of(engine, targets, flows::settle);
            flows.finish();
            assertThat(running.running() || running.await().status() == 0)
                    .as(command)
                    .isTrue();
        }
        return targets.targets;
    }

    private static void collect(Flow flow, FlowNames names, Set<String> unknown) {
        for (int call = 0; call < flow.callCount(); call++) {
            if (flow.function(call) == CallGraph.NONE && flow.isIndirect(call)) {
                String kind = flow.kind() == FlowKind.SYSTEM_CALL
                        ? flow.systemCall().name()
                        : flow.kind().name();
                unknown.add(kind + " from " + names.caller(flow, call).replaceAll("\\+.*", ""));
            }
        }
    }
}
