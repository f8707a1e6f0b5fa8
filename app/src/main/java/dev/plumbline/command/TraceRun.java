package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// Sets the probes, hands on what they record until it is enough, and takes them out.
final class TraceRun {
    private static final long IDLE_NANOS = 200_000L;
    // New edges are few, and the rings hold a hundred thousand of them.
    private static final long EDGE_IDLE_NANOS = 5_000_000L;
    private static final long LOOK_NANOS = 1_000_000_000L;

    private final TracedKernel traced;
    private final ModuleWatch modules;
    private final TraceOutput output;
    private final RecordingMode mode;
    private final boolean checksIndirect;
    private final Consumer<String> log;
    private int leftOut;
    private long lookedAt = System.nanoTime();

    TraceRun(
            TracedKernel traced,
            ModuleWatch modules,
            TraceOutput output,
            RecordingMode mode,
            boolean checksIndirect,
            Consumer<String> log) {
        this.traced = traced;
        this.modules = modules;
        this.output = output;
        this.mode = mode;
        this.checksIndirect = checksIndirect;
        this.log = log;
    }

    /// @param isEnough whether to end before the time is over
    /// @param forNanos how long; without end if empty
    void follow(BooleanSupplier isEnough, Optional<Long> forNanos) throws GuestException {
        long dropped;
        double seconds;
        try (ProbeEngine engine = InlineEngine.arm(
                traced.kernel(), ProbeJournals.of(traced.kernel()), traced.sites(), mode, checksIndirect)) {
            log.accept("%,d probes are set%s; tracing".formatted(engine.siteCount(), checked(engine)));
            tellLeftOut(engine);
            long start = System.nanoTime();
            while (!isEnough.getAsBoolean() && (forNanos.isEmpty() || System.nanoTime() - start < forNanos.get())) {
                turn(engine);
            }
            modules.stop();
            engine.disarm();
            seconds = (System.nanoTime() - start) / 1e9;
            while (engine.poll(output.sink()) > 0) {
                output.settle();
            }
            dropped = engine.lost();
        }
        output.end(dropped, seconds);
        log.accept("%,d events, %,d dropped; every probe is out".formatted(output.eventCount(), dropped));
    }

    private void turn(ProbeEngine engine) throws GuestException {
        long events = engine.poll(output.sink());
        output.settle();
        tellLeftOut(engine);
        Optional<TracedCode> changed = modules.look(engine);
        if (changed.isPresent()) {
            output.codeChanged(changed.get());
            modules.join();
            log.accept("modules have come or gone: %,d probes are set now".formatted(engine.siteCount()));
        }
        if (events == 0) {
            LockSupport.parkNanos(mode == RecordingMode.EDGE ? EDGE_IDLE_NANOS : IDLE_NANOS);
        }
        // Rings of a kernel that has gone look like those of one that is idle.
        if (System.nanoTime() - lookedAt > LOOK_NANOS) {
            traced.kernel().verifyStillRunning();
            lookedAt = System.nanoTime();
        }
    }

    private String checked(ProbeEngine engine) {
        if (!checksIndirect) {
            return "";
        }
        long plain = traced.code().graph().indirectSites().stream()
                .filter(site -> !site.viaThunk() && site.patched().isEmpty())
                .count();
        return ", %d thunks check indirect calls, %d cannot, and %,d plain indirect sites are not checked"
                .formatted(engine.checkedThunkCount(), engine.uncheckedThunkCount(), plain);
    }

    private void tellLeftOut(ProbeEngine engine) {
        int now = engine.leftOutCount();
        if (now != leftOut) {
            log.accept(("%,d functions are left to the guest's own tracer now, %,d probes are set;"
                            + " made room for it for %.1f s so far")
                    .formatted(now, engine.siteCount(), engine.asideNanos() / 1e9));
        }
        leftOut = now;
    }
}
