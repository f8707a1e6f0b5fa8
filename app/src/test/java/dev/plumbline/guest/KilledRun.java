package dev.plumbline.guest;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.List;

/// A run that sets all probes, reads what they record for a moment and takes them out, in a process of its own that
/// can be killed: by itself before its n-th operation on the guest, or from outside.
///
/// @param process the process
/// @param output what it says: `start`, `set` with the probes in place, and `end` with its number of operations
record KilledRun(Process process, BufferedReader output) implements AutoCloseable {
    private static final long TRACE_NANOS = 200_000_000L;

    /// For runs whose events do not matter.
    static final CallEventSink NOWHERE = new CallEventSink() {
        @Override
        public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
            // This run is here to be killed.
        }

        @Override
        public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
            throw new AssertionError("an edge, though every call is recorded");
        }

        @Override
        public void time(int cpu, long timeStampCounter) {
            // As above.
        }

        @Override
        public void lost(int cpu, long count) {
            // As above.
        }
    };

    /// Runs in the process.
    ///
    /// @param arguments the guest's QMP socket, the journals' directory, how many operations there may be or 0,
    ///   and whether it checks indirect calls without thunks too and goes on until it is killed
    public static void main(String[] arguments) throws Exception {
        HaltingMachine machine =
                new HaltingMachine(QemuMachine.attach(Path.of(arguments[0])), Long.parseLong(arguments[2]));
        try (machine) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            boolean isChecking = Boolean.parseBoolean(arguments[3]);
            List<IndirectSite> indirect =
                    isChecking ? CallGraph.of(kernel.code()).indirectSites() : List.of();
            System.out.println("start");
            ProbeJournal journal = journal(kernel, arguments[1]);
            try (InlineEngine engine = InlineEngine.arm(
                    kernel, journal, ProbeSites.every(kernel), new Recording(RecordingMode.FULL, true), indirect)) {
                System.out.println("set");
                long end = System.nanoTime() + TRACE_NANOS;
                while (isChecking || System.nanoTime() < end) {
                    engine.poll(NOWHERE);
                }
                engine.disarm();
            }
            System.out.println("end " + machine.count());
        }
    }

    private static ProbeJournal journal(LinuxKernel kernel, String directory) {
        return new ProbeJournal(Path.of(directory), kernel.identity().bootMark());
    }

    /// Starts it and waits until it begins with the guest.
    static KilledRun start(Path qmpSocket, Path journals, long operations) throws IOException {
        return start(qmpSocket, journals, operations, false);
    }

    /// Starts one that checks all indirect calls, and waits until all is in place.
    static KilledRun startChecking(Path qmpSocket, Path journals) throws IOException {
        KilledRun run = start(qmpSocket, journals, 0, true);
        run.awaitSet();
        return run;
    }

    private static KilledRun start(Path qmpSocket, Path journals, long operations, boolean isChecking)
            throws IOException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        KilledRun.class.getName(),
                        qmpSocket.toString(),
                        journals.toString(),
                        Long.toString(operations),
                        Boolean.toString(isChecking))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        KilledRun run = new KilledRun(process, new BufferedReader(new InputStreamReader(process.getInputStream())));
        if (!"start".equals(run.output.readLine())) {
            process.destroyForcibly();
            throw new IOException("the run did not begin");
        }
        return run;
    }

    /// Waits for the end of a run that nobody kills.
    ///
    /// @return how many operations it needed
    long operations() throws IOException {
        awaitSet();
        String line = output.readLine();
        if (line == null || !line.startsWith("end ")) {
            throw new IOException("the run did not end well");
        }
        return Long.parseLong(line.substring("end ".length()));
    }

    private void awaitSet() throws IOException {
        if (!"set".equals(output.readLine())) {
            throw new IOException("the run set no probes");
        }
    }

    /// What `plumbline detach --after-kill` does.
    ///
    /// @return whether anything was left in the guest
    static boolean cleanUp(Path qmpSocket, Path journals) throws GuestException {
        try (Machine machine = QemuMachine.attach(qmpSocket)) {
            var pausing =
                    machine.capability(dev.plumbline.machine.Pausing.class).orElseThrow();
            if (!pausing.running()) {
                pausing.resume();
            }
            LinuxKernel kernel = LinuxKernel.open(machine);
            return InlineEngine.undo(kernel, journal(kernel, journals.toString()));
        }
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        output.close();
    }
}
