package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.probe.Recording;
import dev.plumbline.report.TimeScale;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline trace`: what a guest's kernel really does in its system calls, function by function.
@Command(
        name = "trace",
        description = "Shows what a guest's kernel does in its system calls, function by function",
        mixinStandardHelpOptions = true)
final class TraceCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET or a bare NAME")
    private String vm;

    @Mixin
    private ProbeOptions probes;

    @Option(names = "--comm", paramLabel = "NAME", split = ",", description = "Only tasks of these names")
    private Set<String> comms = Set.of();

    @Option(
            names = "--mode",
            defaultValue = "full",
            description = "full: every call; lossless: every call, and the guest waits for this reader;"
                    + " edge: each new (function, place of the call, system call) once; default full")
    private TraceMode mode;

    @Option(names = "--check-indirect", description = "Also show calls through pointers that lead to no known function")
    private boolean checksIndirect;

    @Option(
            names = "--times",
            description = "Also show when each call was made; each costs the guest about half as much again")
    private boolean takesTimes;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            description = "How long, e.g. 5s, 500ms, 2m; default until interrupted")
    private Long forNanos;

    @Option(
            names = "--format",
            defaultValue = "tree",
            description = "tree, jsonl, folded (flame graphs) or perfetto; default tree")
    private TraceFormat format;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "Write there instead of to standard output")
    private Path file;

    @Override
    public Integer call() throws Exception {
        verifyOptions();
        try (OrderlyEnd end = OrderlyEnd.watch()) {
            try (Machine machine = GuestNames.attach(vm)) {
                trace(LinuxKernel.open(machine), end);
                return 0;
            } catch (IOException e) {
                return end.tell(spec.commandLine(), e);
            }
        }
    }

    private void verifyOptions() {
        if (mode == TraceMode.edge && format != TraceFormat.tree && format != TraceFormat.jsonl) {
            throw new ParameterException(
                    spec.commandLine(), "edges are no flows: --mode edge goes with --format tree or jsonl");
        }
        if (mode == TraceMode.edge && takesTimes) {
            throw new ParameterException(spec.commandLine(), "edges have no times: --times goes with full or lossless");
        }
        if (probes.engine() == EngineChoice.trap && takesTimes) {
            throw new ParameterException(
                    spec.commandLine(), "the guest stands still at each trap: --times goes with --engine inline");
        }
        probes.verify(spec);
    }

    private void trace(LinuxKernel kernel, OrderlyEnd end) throws IOException {
        ProbeOptions.Choice choice = probes.of(kernel);
        TracedKernel traced = choice.traced();
        PrintWriter out = file == null ? spec.commandLine().getOut() : new PrintWriter(Files.newBufferedWriter(file));
        try (Guard _ = Guard.start(vm);
                ModuleWatch modules = traced.watchModules()) {
            TraceOutput output = output(traced, choice.systemCalls(), out);
            new TraceRun(choice, modules, output, recording(), this::say)
                    .follow(end::isAsked, Optional.ofNullable(forNanos));
        } finally {
            out.flush();
            if (file != null) {
                out.close();
            }
        }
    }

    private Recording recording() {
        return new Recording(mode.recording(), checksIndirect, takesTimes);
    }

    private TraceOutput output(TracedKernel traced, Set<String> wanted, PrintWriter out) throws GuestException {
        return mode == TraceMode.edge
                ? new EdgeOutput(traced, wanted, comms, format.edges(out))
                : new FlowOutput(traced, wanted, comms, format.output(out, times(traced.kernel())));
    }

    private TimeScale times(LinuxKernel kernel) throws GuestException {
        return takesTimes ? TimeScale.of(kernel.timeStampKilohertz()) : TimeScale.NONE;
    }

    private void say(String line) {
        spec.commandLine().getErr().println(line);
    }
}
