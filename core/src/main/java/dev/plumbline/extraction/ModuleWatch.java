package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.KernelFormatException;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.ModuleCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.probe.ProbeEngine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Function;

/// Lets modules that are loaded into a guest, and unloaded, join and leave a trace of it. The guest is read a piece at
/// a time on the thread that also reads the events, so that these do not wait; what takes long and reads no guest is
/// done beside it.
///
/// Code is read before probes are set in it. For one thread.
public final class ModuleWatch implements AutoCloseable {
    private static final long LOOK_NANOS = 100_000_000L;
    private static final long RECHECK_NANOS = 1_000_000_000L;

    private final LinuxKernel kernel;
    private final KernelCode code;
    private final Function<CallGraph, FunctionSelection> selection;
    private final BiFunction<CallGraph, FunctionSelection, TracedCode> tracing;
    private final Map<KernelModule, ModuleCode> known = new HashMap<>();
    private final ExecutorService worker = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("modules").factory());
    private final List<KernelModule> unread = new ArrayList<>();
    private long mark;
    private long lookedAt = System.nanoTime();
    private long recheckedAt = lookedAt;
    private boolean changed;
    private Future<Plan> building;
    private Future<Written> writing;

    /// @param code and the probes that will be set before the first look
    /// @param selection which functions to probe
    /// @param tracing makes the tables for them; both are called on another thread
    /// @throws GuestException if the guest cannot be read
    public ModuleWatch(
            LinuxKernel kernel,
            KernelCode code,
            Function<CallGraph, FunctionSelection> selection,
            BiFunction<CallGraph, FunctionSelection, TracedCode> tracing)
            throws GuestException {
        this.kernel = kernel;
        this.code = code;
        this.selection = selection;
        this.tracing = tracing;
        this.mark = kernel.moduleMark();
        for (KernelModule module : withCode()) {
            known.put(module, kernel.moduleCode(module));
        }
        changed = code.regions().size() != known.size() + 1;
    }

    private record Plan(TracedCode code, List<Long> sites) {}

    private record Written(TracedCode code, ProbeEngine.Change change) {}

    private List<KernelModule> withCode() throws GuestException {
        return kernel.liveModules().stream()
                .filter(module -> module.textSizeBytes() != 0)
                .toList();
    }

    /// Goes on with what there is to do; call it often. Probes in modules that have come are set right after it
    /// answers with the code, in [#join].
    ///
    /// @return the code from now on, if it has changed
    /// @throws GuestException if the guest cannot be reached
    public Optional<TracedCode> look(ProbeEngine engine) throws GuestException {
        long now = System.nanoTime();
        if (writing != null) {
            return writing.isDone() ? Optional.of(result(writing).code()) : Optional.empty();
        }
        if (building != null) {
            if (building.isDone()) {
                writeDown(engine);
            }
        } else if (!unread.isEmpty()) {
            readNext();
        } else if (changed) {
            changed = false;
            List<ModuleCode> modules = List.copyOf(known.values());
            building = worker.submit(() -> plan(modules));
        } else if (now - lookedAt > LOOK_NANOS) {
            lookedAt = now;
            compare();
        } else if (now - recheckedAt > RECHECK_NANOS) {
            recheckedAt = now;
            engine.recheck();
        }
        return Optional.empty();
    }

    /// Sets the probes that belong to the code which [#look] has answered with.
    ///
    /// @throws GuestException if the guest cannot be reached
    public void join() throws GuestException {
        Written written = result(writing);
        writing = null;
        written.change().apply();
    }

    private void compare() throws GuestException {
        long now = kernel.moduleMark();
        if (now == mark) {
            return;
        }
        mark = now;
        List<KernelModule> present = withCode();
        known.keySet().retainAll(present);
        present.stream().filter(module -> !known.containsKey(module)).forEach(unread::add);
        changed = true;
    }

    // One that cannot be read is about to go, which the next look notices, or stays out.
    private void readNext() throws GuestException {
        KernelModule module = unread.removeLast();
        try {
            known.put(module, kernel.moduleCode(module));
        } catch (KernelFormatException | UnreadableMemoryException _) {
            changed = true;
        }
    }

    private Plan plan(List<ModuleCode> modules) throws GuestException {
        CallGraph graph = CallGraph.of(code.withModules(kernel.coreSymbols(), modules));
        FunctionSelection functions = selection.apply(graph);
        return new Plan(
                tracing.apply(graph, functions),
                Arrays.stream(functions.sites()).boxed().toList());
    }

    private void writeDown(ProbeEngine engine) throws GuestException {
        Future<Plan> built = building;
        building = null;
        Plan plan;
        try {
            plan = result(built);
        } catch (KernelFormatException _) {
            // One has gone and another come to its place since; the list has changed and is looked at again.
            return;
        }
        ProbeEngine.Change change = engine.change(plan.code().graph(), plan.sites());
        writing = worker.submit(() -> {
            change.writeDown();
            return new Written(plan.code(), change);
        });
    }

    private static <T> T result(Future<T> future) throws GuestException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof KernelFormatException cause) {
                throw cause;
            }
            if (e.getCause() instanceof GuestException cause) {
                throw new GuestException(cause.getMessage(), cause);
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted while modules were followed", e);
        }
    }

    /// Ends it; what was begun is finished or dropped. The journal is not written any more.
    public void stop() {
        worker.shutdown();
        try {
            worker.awaitTermination(1, TimeUnit.MINUTES);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        stop();
    }
}
