package dev.plumbline.guest;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.Breakpoints.Session;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.machine.qemu.QemuMachine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A run that stops a guest at function entries and lets it run on until it is killed, in a process of its own.
///
/// @param process the process
/// @param output what it says: `start`
record BreakpointRun(Process process, BufferedReader output) implements AutoCloseable {
    private static final int NOP_BYTES = 5;
    private static final Duration A_WHILE = Duration.ofMillis(20);

    /// Runs in the process.
    ///
    /// @param arguments the guest's QMP socket, and the addresses of entry NOPs
    public static void main(String[] arguments) throws Exception {
        long[] sites = Arrays.stream(arguments)
                .skip(1)
                .mapToLong(Long::parseUnsignedLong)
                .toArray();
        try (Machine machine = QemuMachine.attach(Path.of(arguments[0]))) {
            System.out.println("start");
            try (Session session =
                    machine.capability(Breakpoints.class).orElseThrow().open()) {
                session.insert(sites);
                session.resume();
                for (int hit = 0; ; hit++) {
                    if (session.awaitStop(A_WHILE)) {
                        handle(session, hit % 2 == 0, sites);
                        session.resume();
                    }
                }
            }
        }
    }

    /// Lets each vCPU that stands at one of the sites go behind the NOP there.
    ///
    /// @return how many stood at each
    static int[] handle(Session session, boolean isStepping, long... sites) throws GuestException {
        int[] hits = new int[sites.length];
        VcpuState[] states = session.read();
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            for (int site = 0; site < sites.length; site++) {
                if (states[vcpu].rip == sites[site] && session.hasCome(vcpu)) {
                    hits[site]++;
                    goOn(session, vcpu, states[vcpu], isStepping);
                }
            }
        }
        return hits;
    }

    private static void goOn(Session session, int vcpu, VcpuState state, boolean isStepping) throws GuestException {
        if (isStepping) {
            session.step(vcpu);
        } else {
            state.rip += NOP_BYTES;
            session.write(vcpu, state);
        }
    }

    /// Starts it and waits until it has hold of the guest's monitor.
    static BreakpointRun start(Path qmpSocket, long... sites) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                BreakpointRun.class.getName(),
                qmpSocket.toString()));
        Arrays.stream(sites).mapToObj(Long::toUnsignedString).forEach(command::add);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BreakpointRun run =
                new BreakpointRun(process, new BufferedReader(new InputStreamReader(process.getInputStream())));
        if (!"start".equals(run.output.readLine())) {
            run.close();
            throw new IOException("the run did not begin");
        }
        return run;
    }

    /// Kills it, if it still runs.
    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        output.close();
    }
}
