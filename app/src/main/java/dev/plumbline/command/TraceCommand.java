package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.report.FlowFilter;
import dev.plumbline.report.FlowFormat;
import dev.plumbline.report.TraceSummary;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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
    private static final long IDLE_NANOS = 200_000L;
    private static final long LOOK_NANOS = 1_000_000_000L;
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
        Thread hook = new Thread(this::leaveOrderly);
        Runtime.getRuntime().addShutdownHook(hook);
        try (Machine machine = GuestNames.attach(vm)) {
            trace(LinuxKernel.open(machine));
        } finally {
            left.countDown();
        }
        return 0;
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
        if (wanted.isEmpty() && functions != TracedFunctions.all) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--functions " + functions + " needs system calls to start from: add --syscall");
        }
        CallGraph graph = CallGraph.of(kernel.code());
        FunctionSelection selection = functions.of(graph, calls, wanted).without(whitelist());
        TracedCode code = TracedCode.of(graph, calls, selection.functions(), kernel.frameSizes());
        List<Long> sites = usable(kernel, selection.sites());
        PrintWriter out = file == null ? spec.commandLine().getOut() : new PrintWriter(Files.newBufferedWriter(file));
        try (Guard _ = Guard.start(vm)) {
            FlowFormat output = format.output(out);
            Set<String> names = wanted.stream().map(SystemCall::name).collect(Collectors.toSet());
            FlowFilter filter = new FlowFilter(names, comms, output);
            FlowBuilder flows = new FlowBuilder(
                    code, new TaskStructs(kernel), kernel.perCpu().bases().length, filter);
            long start = System.nanoTime();
            long dropped;
            double seconds;
            try (ProbeEngine engine = InlineEngine.arm(kernel, ProbeJournals.of(kernel), sites)) {
                say("%,d probes are set; tracing".formatted(engine.siteCount()));
                start = System.nanoTime();
                follow(kernel, engine, flows, start);
                engine.disarm();
                seconds = (System.nanoTime() - start) / 1e9;
                drain(engine, flows);
                dropped = engine.lost();
            }
            flows.finish();
            output.end(new TraceSummary(flows.eventCount(), dropped, filter.flowCount(), seconds));
            say("%,d events, %,d dropped; every probe is out".formatted(flows.eventCount(), dropped));
        } finally {
            out.flush();
            if (file != null) {
                out.close();
            }
        }
    }

    private Whitelist whitelist() throws IOException {
        if (whitelist == null) {
            return Whitelist.NONE;
        }
        return whitelist.equals("shipped") ? Whitelist.own() : Whitelist.read(Path.of(whitelist));
    }

    // Places that the guest's own tracer has in use are left to it.
    private static List<Long> usable(LinuxKernel kernel, long[] sites) throws GuestException {
        Set<Long> free = kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled() && !record.enabled())
                .map(FtraceRecord::address)
                .collect(Collectors.toSet());
        return Arrays.stream(sites).filter(free::contains).boxed().toList();
    }

    private void follow(LinuxKernel kernel, ProbeEngine engine, FlowBuilder flows, long start) throws GuestException {
        long lookedAt = start;
        while (!interrupted && (forNanos == null || System.nanoTime() - start < forNanos)) {
            long events = engine.poll(flows);
            flows.settle();
            if (events == 0) {
                LockSupport.parkNanos(IDLE_NANOS);
            }
            // Rings of a kernel that has gone look like those of one that is idle.
            if (System.nanoTime() - lookedAt > LOOK_NANOS) {
                kernel.verifyStillRunning();
                lookedAt = System.nanoTime();
            }
        }
    }

    private static void drain(ProbeEngine engine, FlowBuilder flows) throws GuestException {
        while (engine.poll(flows) > 0) {
            flows.settle();
        }
    }

    private void say(String line) {
        spec.commandLine().getErr().println(line);
    }
}
