package dev.plumbline.bench;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.TaskIdentities;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.probe.inline.RingReplay;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/// What the rings of a real guest held while it was busy, and all that is needed to make flows of it once more when the
/// guest is gone. The guest is paused while its rings are read, so that little is lost meanwhile.
final class RecordedTrace {
    private static final long EVENTS_OF_CPU = 3_000_000L;
    private static final long RUN_NANOS = 300_000L;
    private static final String WORKLOAD = "syscall-loop 600s & stress 600";

    private final int cpus;
    private final TracedCode code;
    private final ReadLog log = new ReadLog();
    private final List<TaskIdentity> identities = new ArrayList<>();
    private int rounds;
    private long events;

    private RecordedTrace(int cpus, TracedCode code) {
        this.cpus = cpus;
        this.code = code;
    }

    /// Boots a guest, sets all probes, and lets it run the fixed loop and the stress run beside each other.
    ///
    /// @param series the Debian kernel, `6.1` or `6.12`
    static RecordedTrace of(String series, int cpus) throws GuestException {
        GuestOptions options = GuestOptions.DEFAULT
                .withKernel(GuestKernel.ofSeries(series).orElseThrow())
                .withCpus(cpus);
        String name = "bench-" + ProcessHandle.current().pid();
        try (TestGuest guest = TestGuest.boot(name, options);
                Machine machine = QemuMachine.attach(guest.qmpSocket());
                RunningCommand _ = guest.start(WORKLOAD)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            List<SystemCall> calls = kernel.systemCalls();
            TracedCode code = TracedCode.of(CallGraph.of(kernel.code()), calls, kernel.frameSizes());
            RecordedTrace trace = new RecordedTrace(options.cpus(), code);
            trace.record(kernel, EVENTS_OF_CPU * cpus);
            return trace;
        }
    }

    private void record(LinuxKernel kernel, long enough) throws GuestException {
        // A kernel of its own for the rings, so that nothing else that is read of the guest gets between them.
        LinuxKernel recorded = LinuxKernel.open(log.recording(kernel.machine()));
        Pausing pausing = kernel.machine().capability(Pausing.class).orElseThrow();
        FlowBuilder flows = new FlowBuilder(code, remembering(new TaskStructs(kernel)), cpus, flow -> {});
        try (InlineEngine engine = InlineEngine.arm(recorded, journal(kernel), sites(kernel))) {
            while (flows.eventCount() < enough) {
                LockSupport.parkNanos(RUN_NANOS);
                try (Pausing.Pause _ = pausing.pause()) {
                    log.isOn = true;
                    engine.poll(flows);
                    log.isOn = false;
                }
                flows.settle();
                rounds++;
            }
        }
        flows.finish();
        events = flows.eventCount();
        System.err.printf("%nrecorded %,d events; %,d were lost meanwhile%n", events, flows.lostCount());
    }

    private TaskIdentities remembering(TaskIdentities asked) {
        return task -> {
            TaskIdentity identity = asked.identity(task);
            identities.add(identity);
            return identity;
        };
    }

    private static ProbeJournal journal(LinuxKernel kernel) throws GuestException {
        try {
            Path directory = Files.createTempDirectory("plumbline-bench-");
            directory.toFile().deleteOnExit();
            return new ProbeJournal(directory, kernel.identity().bootMark());
        } catch (IOException e) {
            throw new GuestException("cannot make a directory for the journal: " + e.getMessage(), e);
        }
    }

    static List<Long> sites(LinuxKernel kernel) throws GuestException {
        return kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled() && !record.enabled())
                .map(FtraceRecord::address)
                .toList();
    }

    /// How many events were recorded.
    long events() {
        return events;
    }

    /// All of it once more, from rings to flows.
    ///
    /// @return how many events came out
    long replay(FlowSink sink) throws GuestException {
        Iterator<TaskIdentity> known = identities.iterator();
        FlowBuilder flows = new FlowBuilder(code, _ -> known.next(), cpus, sink);
        try (ReadLog.Replay memory = log.replay()) {
            RingReplay rings = new RingReplay(memory, cpus);
            for (int round = 0; round < rounds; round++) {
                rings.poll(flows);
                flows.settle();
            }
        }
        flows.finish();
        return flows.eventCount();
    }
}
