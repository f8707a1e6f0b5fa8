package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.EdgeBuilder;
import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowEdges;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.FunctionTypes;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.learning.Model;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.CodeIntegrity;
import dev.plumbline.monitoring.EdgeComparison;
import dev.plumbline.monitoring.GeneratedCode;
import dev.plumbline.monitoring.ModelEdges;
import dev.plumbline.monitoring.NamedTailCalls;
import dev.plumbline.monitoring.PathComparison;
import dev.plumbline.probe.KnownEdge;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/// A guest whose calls are compared with a model and whose code is looked after. For one thread.
final class MonitoredGuest implements AutoCloseable {
    private static final long LOOK_NANOS = 750_000_000L;
    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private final Machine machine;
    private final Map<String, Alert> alerts = new LinkedHashMap<>();
    private final FunctionTypes types;
    private final GeneratedCode own;
    private final NamedTailCalls tails;
    private final EventBuilder events;
    private final Consumer<TracedCode> eventsChange;
    private final CodeIntegrity integrity;
    private final ModuleWatch watch;
    private final InlineEngine engine;
    private volatile Set<String> modules = Set.of();
    private long nextLook = System.nanoTime();

    /// Work in the guest.
    interface Work {
        void run() throws Exception;
    }

    private MonitoredGuest(Machine machine, Model model, RecordingMode mode, boolean knowsModel, Path directory)
            throws GuestException {
        this.machine = machine;
        LinuxKernel kernel = LinuxKernel.open(machine);
        KernelCode code = kernel.code();
        CallGraph graph = CallGraph.of(code);
        FrameSizes frames = kernel.frameSizes();
        List<SystemCall> calls = kernel.systemCalls();
        tails = new NamedTailCalls(graph);
        own = new GeneratedCode(kernel);
        types = kernel.functionTypes();
        assertThat(types.look()).isEmpty();
        EdgeComparison comparison = new EdgeComparison(model, types::of, own, tails, this::keep);
        TracedCode traced = TracedCode.of(graph, calls, frames);
        if (mode == RecordingMode.EDGE) {
            EdgeBuilder edges = new EdgeBuilder(traced, calls, new TaskStructs(kernel), comparison);
            events = edges;
            eventsChange = edges::codeChanged;
        } else {
            FlowEdges edges = new FlowEdges(traced, comparison);
            PathComparison paths = new PathComparison(model, this::keep);
            FlowBuilder flows = new FlowBuilder(
                    traced, new TaskStructs(kernel), kernel.perCpu().bases().length, flow -> {
                        edges.flow(flow);
                        paths.flow(flow);
                    });
            events = flows;
            eventsChange = now -> {
                flows.codeChanged(now);
                edges.codeChanged(now);
            };
        }
        integrity = new CodeIntegrity(kernel, graph, this::keep);
        watch = new ModuleWatch(
                kernel,
                code,
                now -> FunctionSelection.all(now, calls),
                (now, functions) -> TracedCode.of(now, calls, functions.functions(), frames));
        List<Long> sites = ProbeSites.every(kernel);
        List<KnownEdge> known = knowsModel ? new ModelEdges(model, comparison, traced, sites).known(calls) : List.of();
        engine = InlineEngine.arm(
                kernel,
                new ProbeJournal(directory.resolve("journal"), kernel.identity().bootMark()),
                sites,
                new Recording(mode, true, false, known),
                graph.indirectSites());
    }

    static MonitoredGuest start(GuestUnderTest guest, Model model, Path directory) throws IOException {
        return start(guest, model, RecordingMode.EDGE, true, directory);
    }

    /// With every call, so that paths are compared as well.
    static MonitoredGuest startInFull(GuestUnderTest guest, Model model, Path directory) throws IOException {
        return start(guest, model, RecordingMode.FULL, false, directory);
    }

    /// In edge mode, though the guest does not know from the start what is normal, and tells it.
    static MonitoredGuest startUnknowing(GuestUnderTest guest, Model model, Path directory) throws IOException {
        return start(guest, model, RecordingMode.EDGE, false, directory);
    }

    private static MonitoredGuest start(
            GuestUnderTest guest, Model model, RecordingMode mode, boolean knowsModel, Path directory)
            throws IOException {
        Machine machine = QemuMachine.attach(guest.guest().qmpSocket());
        try {
            return new MonitoredGuest(machine, model, mode, knowsModel, directory);
        } catch (IOException e) {
            machine.close();
            throw e;
        }
    }

    private void keep(Alert alert) {
        alerts.putIfAbsent(alert.key(), alert);
    }

    /// Waits until a module that has come or gone has joined or left, as it does within a second where the host is not
    /// busy. Not for the thread that looks.
    void await(String module, boolean isThere) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (modules.contains(module) != isThere) {
            assertThat(System.nanoTime() - deadline)
                    .as("%s, which is %s, was not noticed", module, isThere ? "loaded" : "unloaded")
                    .isNegative();
            Thread.sleep(20);
        }
    }

    /// The alerts, each once, that are raised while the guest does something.
    List<Alert> during(Work work) throws Exception {
        alerts.clear();
        Callable<Void> task = () -> {
            work.run();
            return null;
        };
        try (ExecutorService other = Executors.newSingleThreadExecutor()) {
            Future<Void> done = other.submit(task);
            while (!done.isDone()) {
                turn();
            }
            done.get();
        }
        nextLook = System.nanoTime();
        turn();
        return new ArrayList<>(alerts.values());
    }

    /// How many edges have left the guest.
    long eventCount() {
        return events.eventCount();
    }

    /// How many the guest knows from the start.
    int knownEdgeCount() {
        return engine.knownEdgeCount();
    }

    private void turn() throws Exception {
        own.look();
        long arrived = engine.poll(events);
        events.settle();
        Optional<TracedCode> changed = watch.look(engine);
        if (changed.isPresent()) {
            assertThat(types.look()).isEmpty();
            eventsChange.accept(changed.get());
            tails.codeChanged(changed.get().graph());
            integrity.codeChanged(changed.get().graph());
            watch.join();
            modules = changed.get().graph().regions().stream()
                    .map(CodeRegion::owner)
                    .filter(Objects::nonNull)
                    .collect(Collectors.toSet());
        }
        if (System.nanoTime() - nextLook >= 0) {
            integrity.look(engine.written());
            nextLook = System.nanoTime() + LOOK_NANOS;
        }
        if (arrived == 0) {
            Thread.sleep(5);
        }
    }

    @Override
    public void close() throws IOException {
        try (machine;
                engine) {
            watch.close();
        }
    }
}
