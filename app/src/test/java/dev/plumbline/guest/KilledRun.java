package dev.plumbline.guest;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;

/// A run that sets all probes, reads what they record for a moment and takes them out, in a process of its own that
/// can be killed: by itself before its n-th operation on the guest, or from outside.
///
/// @param process the process
/// @param output what it says: `start`, and `end` with its number of operations
record KilledRun(Process process, BufferedReader output) implements AutoCloseable {
    private static final long TRACE_NANOS = 200_000_000L;

    private static final CallEventSink NOWHERE = new CallEventSink() {
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
    /// @param arguments the guest's QMP socket, the journals' directory, how many operations there may be or 0
    public static void main(String[] arguments) throws GuestException {
        HaltingMachine machine =
                new HaltingMachine(QemuMachine.attach(Path.of(arguments[0])), Long.parseLong(arguments[2]));
        try (machine) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            System.out.println("start");
            try (InlineEngine engine =
                    InlineEngine.arm(kernel, journal(kernel, arguments[1]), ProbeSites.every(kernel))) {
                long end = System.nanoTime() + TRACE_NANOS;
                while (System.nanoTime() < end) {
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
                        Long.toString(operations))
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
        String line = output.readLine();
        if (line == null || !line.startsWith("end ")) {
            throw new IOException("the run did not end well");
        }
        return Long.parseLong(line.substring("end ".length()));
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
