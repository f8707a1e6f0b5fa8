package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
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
    private static final long LEAVE_SECONDS = 30;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, qmp:SOCKET or a bare NAME")
    private String vm;

    @Option(names = "--syscall", paramLabel = "A,B", split = ",", description = "Only these system calls")
    private List<String> systemCalls = List.of();

    @Option(names = "--comm", paramLabel = "NAME", split = ",", description = "Only tasks of these names")
    private Set<String> comms = Set.of();

    @Option(
            names = "--mode",
            defaultValue = "full",
            description = "full: every call; lossless: every call, and the guest waits for this reader;"
                    + " edge: each new (function, place of the call, system call) once; default full")
    private TraceMode mode;

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
            description = "Set no probes on the functions this file names; 'shipped' for the list that comes along")
    private String whitelist;

    @Option(names = "--check-indirect", description = "Also show calls through pointers that lead to no known function")
    private boolean checksIndirect;

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

    private final CountDownLatch left = new CountDownLatch(1);
    private volatile boolean interrupted;

    @Override
    public Integer call() throws IOException {
        verifyOptions();
        Thread hook = new Thread(this::leaveOrderly);
        Runtime.getRuntime().addShutdownHook(hook);
        try (Machine machine = GuestNames.attach(vm)) {
            trace(LinuxKernel.open(machine));
        } finally {
            left.countDown();
        }
        return 0;
    }

    private void verifyOptions() {
        if (mode == TraceMode.edge && format != TraceFormat.tree && format != TraceFormat.jsonl) {
            throw new ParameterException(
                    spec.commandLine(), "edges are no flows: --mode edge goes with --format tree or jsonl");
        }
        if (functions != TracedFunctions.all && systemCalls.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--functions " + functions + " needs system calls to start from: add --syscall");
        }
    }

    // On SIGINT and SIGTERM the probes are taken out before the process ends.
    private void leaveOrderly() {
        interrupted = true;
        try {
            left.await(LEAVE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void trace(LinuxKernel kernel) throws IOException {
        List<SystemCall> calls = kernel.systemCalls();
        List<SystemCall> wanted = new ArrayList<>();
        for (String name : systemCalls) {
            wanted.add(SystemCallNames.find(calls, name));
        }
        Whitelist leftOut = whitelist();
        TracedKernel traced = TracedKernel.of(
                kernel, calls, graph -> functions.of(graph, calls, wanted).without(leftOut));
        PrintWriter out = file == null ? spec.commandLine().getOut() : new PrintWriter(Files.newBufferedWriter(file));
        try (Guard _ = Guard.start(vm);
                ModuleWatch modules = traced.watchModules()) {
            TraceOutput output = output(traced, names(wanted), out);
            new TraceRun(traced, modules, output, mode.recording(), checksIndirect, this::say)
                    .follow(() -> interrupted, Optional.ofNullable(forNanos));
        } finally {
            out.flush();
            if (file != null) {
                out.close();
            }
        }
    }

    private static Set<String> names(List<SystemCall> calls) {
        return calls.stream().map(SystemCall::name).collect(Collectors.toSet());
    }

    private TraceOutput output(TracedKernel traced, Set<String> wanted, PrintWriter out) throws GuestException {
        return mode == TraceMode.edge
                ? new EdgeOutput(traced, wanted, comms, format.edges(out))
                : new FlowOutput(traced, wanted, comms, format.output(out));
    }

    private Whitelist whitelist() throws IOException {
        if (whitelist == null) {
            return Whitelist.NONE;
        }
        return whitelist.equals("shipped") ? Whitelist.own() : Whitelist.read(Path.of(whitelist));
    }

    private void say(String line) {
        spec.commandLine().getErr().println(line);
    }
}
