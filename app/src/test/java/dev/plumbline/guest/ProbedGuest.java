package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;

/// A guest with probes at every site while a command runs in it.
///
/// @param directory for the journal
record ProbedGuest(GuestUnderTest guest, Path directory) {

    /// What came of it.
    ///
    /// @param graph the code that ran
    /// @param events call events seen
    /// @param lost events lost
    record Outcome(CallGraph graph, long events, long lost) {}

    /// Runs a command to its end and hands out the flows of all tasks. Checks that every entry of the recorder that the
    /// guest counted was seen or counted as lost, by the engine and by what makes the flows.
    Outcome run(String command, FlowSink sink) throws Exception {
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            CallGraph graph = CallGraph.of(kernel.code());
            FlowBuilder flows = new FlowBuilder(
                    TracedCode.of(graph, kernel.systemCalls(), kernel.frameSizes()),
                    new TaskStructs(kernel),
                    kernel.perCpu().bases().length,
                    sink);
            ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
            long lost;
            try (InlineEngine engine = InlineEngine.arm(kernel, journal, ProbeSites.every(kernel));
                    RunningCommand running = guest.guest().start(command)) {
                while (running.running()) {
                    engine.poll(flows);
                    flows.settle();
                }
                assertThat(running.await().status()).as(command).isZero();
                engine.disarm();
                PolledToTheEnd.of(engine, flows, flows::settle);
                flows.finish();
                lost = engine.lost();
                assertThat(flows.lostCount()).isEqualTo(lost);
            }
            return new Outcome(graph, flows.eventCount(), lost);
        }
    }
}
