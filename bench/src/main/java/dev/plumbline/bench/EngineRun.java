package dev.plumbline.bench;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// `ls` in a guest, with the calls of its getdents64 counted by one engine or the other. Both leave out the functions
/// of the whitelist that comes along.
final class EngineRun {
    private static final String SYSTEM_CALL = "getdents64";
    private static final String PROGRAM = "ls";
    private static final String WORK = "i=0; while [ $i -lt %d ]; do " + PROGRAM + " / >/dev/null; i=$((i+1)); done";
    private static final Duration LONGEST = Duration.ofMinutes(5);

    private final LinuxKernel kernel;
    private final TestGuest guest;
    private final CallGraph graph;
    private final List<SystemCall> calls;
    private final FunctionSelection chosen;
    private final List<Long> sites;

    EngineRun(LinuxKernel kernel, TestGuest guest) throws GuestException {
        this.kernel = kernel;
        this.guest = guest.withLimits(ExecLimits.DEFAULT.withTotal(LONGEST).withSilence(LONGEST));
        graph = CallGraph.of(kernel.code());
        calls = kernel.systemCalls();
        chosen = FunctionSelection.all(graph, calls).without(Whitelist.own());
        Set<Long> free = kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled())
                .map(FtraceRecord::address)
                .collect(Collectors.toSet());
        sites = Arrays.stream(chosen.sites()).filter(free::contains).boxed().toList();
    }

    /// Where probes may stand.
    List<Long> sites() {
        return sites;
    }

    CallGraph graph() {
        return graph;
    }

    /// The system call whose calls are counted.
    SystemCall systemCall() {
        return named(SYSTEM_CALL);
    }

    SystemCall named(String name) {
        return calls.stream()
                .filter(call -> call.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /// What one `ls` takes.
    ///
    /// @param qemuMicros of QEMU's core time
    /// @param wallMicros by the clock
    record Work(double qemuMicros, double wallMicros) {}

    /// Without probes.
    Work plain(int times) throws IOException {
        double before = CoreTime.seconds(guest.pid());
        long start = System.nanoTime();
        guest.execChecked(WORK.formatted(times));
        return new Work(
                (CoreTime.seconds(guest.pid()) - before) * 1e6 / times, (System.nanoTime() - start) / 1e3 / times);
    }

    /// What an engine has seen.
    ///
    /// @param systemCalls how many getdents64 of `ls` there were
    /// @param callsInThem the calls in them
    /// @param events what the engine has told of, for one `ls`
    record Seen(Work work, int systemCalls, long callsInThem, double events) {}

    /// Sets probes.
    interface Arming {
        ProbeEngine arm() throws GuestException;
    }

    /// What is to be known of an engine before it ends.
    interface Look {
        void at(ProbeEngine engine);
    }

    /// With probes.
    Seen probed(int times, Arming arming, Look look) throws IOException {
        int[] systemCalls = {0};
        long[] callsInThem = {0};
        FlowBuilder flows = new FlowBuilder(
                TracedCode.of(graph, calls, chosen.functions(), kernel.frameSizes()),
                new TaskStructs(kernel),
                kernel.perCpu().bases().length,
                flow -> {
                    if (flow.kind() == FlowKind.SYSTEM_CALL
                            && flow.task().comm().equals(PROGRAM)
                            && flow.systemCall().name().equals(SYSTEM_CALL)) {
                        systemCalls[0]++;
                        callsInThem[0] += flow.callCount() + flow.omittedCallCount();
                    }
                });
        try (ProbeEngine engine = arming.arm()) {
            double before = CoreTime.seconds(guest.pid());
            long start = System.nanoTime();
            try (RunningCommand running = guest.start(WORK.formatted(times))) {
                while (running.running()) {
                    engine.poll(flows);
                    flows.settle();
                }
                running.await();
            }
            Work work = new Work(
                    (CoreTime.seconds(guest.pid()) - before) * 1e6 / times, (System.nanoTime() - start) / 1e3 / times);
            engine.disarm();
            while (engine.poll(flows) > 0) {
                flows.settle();
            }
            flows.finish();
            look.at(engine);
            return new Seen(work, systemCalls[0], callsInThem[0], (double) (engine.seen() + engine.lost()) / times);
        }
    }
}
