package dev.plumbline.command;

import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.Recording;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// The options that say which system calls are of interest, and which functions get a probe.
final class ProbeOptions {
    private static final String SHIPPED = "shipped";

    @Option(names = "--syscall", paramLabel = "A,B", split = ",", description = "Only these system calls")
    private List<String> systemCalls = List.of();

    @Option(
            names = "--engine",
            defaultValue = "inline",
            description = {
                "How probes are set: inline, as calls to a recorder in the guest (default);",
                "trap, as breakpoints of the hypervisor, on demand, in the system calls of --syscall: nothing is put"
                        + " into the guest, and it stands still at each; for few system calls"
            })
    private EngineChoice engine;

    @Option(
            names = "--functions",
            defaultValue = "all",
            description = {
                "Which functions get a probe: all, so that trees are whole (default, also with --syscall);",
                "reachable: what the system calls of --syscall reach by direct calls, and all that only pointers lead "
                        + "to, with what it reaches;",
                "direct: what they reach by direct calls only: the guest runs faster and little is lost, but what "
                        + "lies behind pointers is not shown"
            })
    private TracedFunctions functions;

    @Option(
            names = "--whitelist",
            paramLabel = "FILE",
            description = "Set no probes on the functions this file names; 'shipped' for the list that comes along,"
                    + " which --engine trap uses by default; 'none' for no list")
    private String whitelist;

    /// What was chosen of a kernel.
    ///
    /// @param traced the kernel and where probes go
    /// @param wanted the system calls of interest; none for all
    /// @param engine how probes are set
    record Choice(TracedKernel traced, List<SystemCall> wanted, EngineChoice engine) {

        /// The kernel's names of the system calls of interest; none for all.
        Set<String> systemCalls() {
            return wanted.stream().map(SystemCall::name).collect(Collectors.toSet());
        }

        /// Sets the probes.
        ///
        /// @throws GuestException if it cannot be done; the guest is as it was then
        ProbeEngine start(Recording recording) throws GuestException {
            return engine.start(traced, wanted.isEmpty() ? traced.calls() : wanted, recording);
        }
    }

    /// @throws ParameterException if the options do not go together
    void verify(CommandSpec spec) {
        if (functions != TracedFunctions.all && systemCalls.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--functions " + functions + " needs system calls to start from: add --syscall");
        }
    }

    /// Which engine was chosen.
    EngineChoice engine() {
        return engine;
    }

    Choice of(LinuxKernel kernel) throws IOException {
        List<SystemCall> calls = kernel.systemCalls();
        List<SystemCall> wanted = new ArrayList<>();
        for (String name : systemCalls) {
            wanted.add(SystemCallNames.find(calls, name));
        }
        Whitelist leftOut = whitelist();
        TracedKernel traced = TracedKernel.of(
                kernel, calls, graph -> functions.of(graph, calls, wanted).without(leftOut));
        return new Choice(traced, wanted, engine);
    }

    private Whitelist whitelist() throws IOException {
        String chosen = whitelist != null ? whitelist : engine == EngineChoice.trap ? SHIPPED : "none";
        return switch (chosen) {
            case "none" -> Whitelist.NONE;
            case SHIPPED -> Whitelist.own();
            default -> Whitelist.read(Path.of(chosen));
        };
    }
}
