package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.extraction.Whitelist;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.KernelCode;
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
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
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
    private int leftOut;

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
        Set<String> wanted = new HashSet<>();
        for (String name : systemCalls) {
            wanted.add(SystemCallNames.find(calls, name).name());
        }
        KernelCode kernelCode = kernel.code();
        CallGraph graph = CallGraph.of(kernelCode);
        Whitelist leftOutByName = whitelist();
        Function<CallGraph, FunctionSelection> selecting =
                each -> FunctionSelection.all(each, calls).without(leftOutByName);
        FunctionSelection selection = selecting.apply(graph);
        FrameSizes frames = kernel.frameSizes();
        TracedCode code = TracedCode.of(graph, calls, selection.functions(), frames);
        List<Long> sites = usable(kernel, selection.sites());
        PrintWriter out = file == null ? spec.commandLine().getOut() : new PrintWriter(Files.newBufferedWriter(file));
        try (Guard _ = Guard.start(vm);
                ModuleWatch modules = new ModuleWatch(
                        kernel,
                        kernelCode,
                        selecting,
                        (of, functions) -> TracedCode.of(of, calls, functions.functions(), frames))) {
            FlowFormat output = format.output(out);
            FlowFilter filter = new FlowFilter(wanted, comms, output);
            FlowBuilder flows = new FlowBuilder(
                    code, new TaskStructs(kernel), kernel.perCpu().bases().length, filter);
            long start = System.nanoTime();
            long dropped;
            try (ProbeEngine engine = InlineEngine.arm(kernel, ProbeJournals.of(kernel), sites, checksIndirect)) {
                say("%,d probes are set%s; tracing".formatted(engine.siteCount(), checked(engine, graph)));
                leftOut = 0;
                tellLeftOut(engine);
                start = System.nanoTime();
                follow(kernel, engine, flows, modules, start);
                modules.stop();
                engine.disarm();
                drain(engine, flows);
                dropped = engine.lost();
            }
            flows.finish();
            double seconds = (System.nanoTime() - start) / 1e9;
            output.end(new TraceSummary(flows.eventCount(), dropped, filter.flowCount(), seconds));
            say("%,d events, %,d dropped; every probe is out".formatted(flows.eventCount(), dropped));
        } finally {
            out.flush();
            if (file != null) {
                out.close();
            }
        }
    }

    private String checked(ProbeEngine engine, CallGraph graph) {
        if (!checksIndirect) {
            return "";
        }
        long plain = graph.indirectSites().stream()
                .filter(site -> !site.viaThunk() && site.patched().isEmpty())
                .count();
        return ", %d thunks check indirect calls, %d cannot, and %,d plain indirect sites are not checked"
                .formatted(engine.checkedThunkCount(), engine.uncheckedThunkCount(), plain);
    }

    private Whitelist whitelist() throws IOException {
        if (whitelist == null) {
            return Whitelist.NONE;
        }
        return whitelist.equals("shipped") ? Whitelist.own() : Whitelist.read(Path.of(whitelist));
    }

    private static List<Long> usable(LinuxKernel kernel, long[] sites) throws GuestException {
        Set<Long> free = kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled())
                .map(FtraceRecord::address)
                .collect(Collectors.toSet());
        return Arrays.stream(sites).filter(free::contains).boxed().toList();
    }

    private void follow(LinuxKernel kernel, ProbeEngine engine, FlowBuilder flows, ModuleWatch modules, long start)
            throws GuestException {
        long lookedAt = start;
        while (!interrupted && (forNanos == null || System.nanoTime() - start < forNanos)) {
            long events = engine.poll(flows);
            flows.settle();
            tellLeftOut(engine);
            Optional<TracedCode> changed = modules.look(engine);
            if (changed.isPresent()) {
                flows.codeChanged(changed.get());
                modules.join();
                say("modules have come or gone: %,d probes are set now".formatted(engine.siteCount()));
            }
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

    private void tellLeftOut(ProbeEngine engine) {
        int now = engine.leftOutCount();
        if (now != leftOut) {
            say(("%,d functions are left to the guest's own tracer now, %,d probes are set;"
                            + " made room for it for %.1f s so far")
                    .formatted(now, engine.siteCount(), engine.asideNanos() / 1e9));
        }
        leftOut = now;
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
