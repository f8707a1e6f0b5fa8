package dev.plumbline.guest;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.CodeIntegrity;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.WrittenCode;
import dev.plumbline.probe.inline.InlineEngine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/// Watches a guest's code on a thread of its own, with probes everywhere that record what is new, while a test does
/// things in the guest.
final class IntegrityWatch implements AutoCloseable {
    private static final long LOOK_NANOS = 500_000_000L;
    private static final long PATIENCE_NANOS = 30_000_000_000L;

    private static final CallEventSink NOBODY = new CallEventSink() {
        @Override
        public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {}

        @Override
        public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {}

        @Override
        public void time(int cpu, long timeStampCounter) {}

        @Override
        public void lost(int cpu, long count) {}
    };

    private final List<Alert> alerts = new CopyOnWriteArrayList<>();
    private final AtomicLong looks = new AtomicLong();
    private final AtomicLong lookNanos = new AtomicLong();
    private final CountDownLatch armed = new CountDownLatch(1);
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final Future<?> run;
    private volatile boolean ends;
    private volatile boolean strikes;

    private IntegrityWatch(GuestUnderTest guest, Path directory) {
        run = thread.submit(() -> {
            try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
                watch(LinuxKernel.open(machine), directory);
                return null;
            } finally {
                armed.countDown();
            }
        });
    }

    /// Begins, and waits until the probes are set.
    static IntegrityWatch start(GuestUnderTest guest, Path directory) throws Exception {
        IntegrityWatch watch = new IntegrityWatch(guest, directory);
        watch.armed.await();
        return watch;
    }

    private void watch(LinuxKernel kernel, Path directory) throws GuestException {
        KernelCode code = kernel.code();
        CallGraph graph = CallGraph.of(code);
        List<SystemCall> calls = kernel.systemCalls();
        FrameSizes frames = kernel.frameSizes();
        CodeIntegrity integrity = new CodeIntegrity(kernel, graph, alerts::add);
        ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
        Recording recording = new Recording(RecordingMode.EDGE, true);
        try (ModuleWatch modules = new ModuleWatch(
                        kernel,
                        code,
                        now -> FunctionSelection.all(now, calls),
                        (now, functions) -> TracedCode.of(now, calls, functions.functions(), frames));
                InlineEngine engine =
                        InlineEngine.arm(kernel, journal, ProbeSites.every(kernel), recording, graph.indirectSites())) {
            long lookedAt = 0;
            while (!ends) {
                engine.poll(NOBODY);
                var changed = modules.look(engine);
                if (changed.isPresent()) {
                    integrity.codeChanged(changed.get().graph());
                    modules.join();
                }
                if (strikes) {
                    strike(kernel, engine.written());
                    strikes = false;
                }
                long now = System.nanoTime();
                if (now - lookedAt > LOOK_NANOS) {
                    integrity.look(engine.written());
                    lookNanos.addAndGet(System.nanoTime() - now);
                    lookedAt = now;
                    looks.incrementAndGet();
                    armed.countDown();
                }
                sleep();
            }
            modules.stop();
        }
    }

    // The longest piece is that of the checks, whose last byte is never run.
    private static void strike(LinuxKernel kernel, WrittenCode written) throws GuestException {
        List<PhysicalAddress> last = new ArrayList<>();
        written.since(0, (address, bytes) -> {
            if (written.isOwn(address) && bytes[bytes.length - 1] == (byte) 0xcc) {
                last.add(address.plus(bytes.length - 1L));
            }
        });
        kernel.machine()
                .capability(CodeWriter.class)
                .orElseThrow()
                .writeCode(List.of(new CodePatch(last.getFirst(), new byte[] {(byte) 0x90})));
    }

    /// Changes a byte of the engine's own code behind its back.
    void strikeRecorder() {
        strikes = true;
    }

    private static void sleep() {
        try {
            TimeUnit.MILLISECONDS.sleep(10);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /// All until now.
    List<Alert> alerts() {
        return List.copyOf(alerts);
    }

    /// How long a look takes, on average.
    double millisPerLook() {
        return lookNanos.get() / 1e6 / looks.get();
    }

    /// Waits until everything has been looked at some times more.
    void awaitLooks(int count) throws Exception {
        long until = looks.get() + count;
        await(() -> looks.get() >= until, count + " looks");
    }

    /// Waits for an alert behind the first `from`.
    Alert await(int from, Predicate<Alert> wanted, String what) throws Exception {
        await(() -> alerts.stream().skip(from).anyMatch(wanted), what);
        return alerts.stream().skip(from).filter(wanted).findFirst().orElseThrow();
    }

    private interface Condition {
        boolean holds();
    }

    private void await(Condition condition, String what) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.holds()) {
            if (run.isDone()) {
                run.get();
            }
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("no " + what + " among " + alerts);
            }
            Thread.sleep(20);
        }
    }

    @Override
    public void close() throws GuestException {
        ends = true;
        thread.close();
        if (run.state() == Future.State.FAILED) {
            throw new GuestException("the watch ended: " + run.exceptionNow().getMessage(), run.exceptionNow());
        }
    }
}
