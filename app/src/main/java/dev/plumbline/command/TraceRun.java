package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// Sets the probes, hands on what they record until it is enough, and takes them out.
final class TraceRun {
    private static final long IDLE_NANOS = 200_000L;
    // New edges are few, and the rings hold a hundred thousand of them; looking more often would cost more than that.
    private static final long EDGE_IDLE_NANOS = 20_000_000L;
    private static final long LOOK_NANOS = 1_000_000_000L;

    private final ProbeOptions.Choice choice;
    private final ModuleWatch modules;
    private final TraceOutput output;
    private final Recording recording;
    private final Consumer<String> log;
    private int leftOut;
    private long lookedAt = System.nanoTime();

    TraceRun(
            ProbeOptions.Choice choice,
            ModuleWatch modules,
            TraceOutput output,
            Recording recording,
            Consumer<String> log) {
        this.choice = choice;
        this.modules = modules;
        this.output = output;
        this.recording = recording;
        this.log = log;
    }

    /// @param isEnough whether to end before the time is over
    /// @param forNanos how long; without end if empty
    void follow(BooleanSupplier isEnough, Optional<Long> forNanos) throws GuestException {
        long dropped;
        double seconds;
        List<String> remarks;
        try (ProbeEngine engine = choice.start(recording)) {
            log.accept("%,d probes are set%s%s; tracing".formatted(engine.siteCount(), checked(engine), known(engine)));
            tellLeftOut(engine);
            long start = System.nanoTime();
            while (!isEnough.getAsBoolean()
                    && !output.leavesProbes()
                    && (forNanos.isEmpty() || System.nanoTime() - start < forNanos.get())) {
                turn(engine);
            }
            modules.stop();
            if (output.leavesProbes()) {
                leave(engine, (System.nanoTime() - start) / 1e9);
                return;
            }
            engine.disarm();
            seconds = (System.nanoTime() - start) / 1e9;
            while (engine.poll(output.events()) > 0) {
                output.settle();
            }
            dropped = engine.lost();
            remarks = engine.remarks();
        }
        output.end(dropped, seconds);
        remarks.forEach(log);
        log.accept("%,d events, %,d dropped; every probe is out".formatted(output.eventCount(), dropped));
    }

    private void leave(ProbeEngine engine, double seconds) throws GuestException {
        engine.poll(output.events());
        output.settle();
        engine.leave();
        output.end(engine.lost(), seconds);
    }

    private void turn(ProbeEngine engine) throws GuestException {
        long events = engine.poll(output.events());
        output.settle();
        output.look(engine);
        if (output.leavesProbes()) {
            return;
        }
        tellLeftOut(engine);
        Optional<TracedCode> changed = modules.look(engine);
        if (changed.isPresent()) {
            output.codeChanged(changed.get());
            modules.join();
            log.accept("modules have come or gone: %,d probes are set now".formatted(engine.siteCount()));
        }
        if (events == 0) {
            LockSupport.parkNanos(recording.mode() == RecordingMode.EDGE ? EDGE_IDLE_NANOS : IDLE_NANOS);
        }
        // Rings of a kernel that has gone look like those of one that is idle.
        if (System.nanoTime() - lookedAt > LOOK_NANOS) {
            choice.traced().kernel().verifyStillRunning();
            lookedAt = System.nanoTime();
        }
    }

    private String checked(ProbeEngine engine) {
        if (!recording.checksIndirect() || choice.engine() != EngineChoice.inline) {
            return "";
        }
        return (", %d thunks and %,d plain sites check indirect calls; %d thunks and %,d sites cannot,"
                        + " %,d wait for a task to return")
                .formatted(
                        engine.checkedThunkCount(),
                        engine.checkedSiteCount(),
                        engine.uncheckedThunkCount(),
                        engine.uncheckedSiteCount(),
                        engine.awaitedSiteCount());
    }

    private String known(ProbeEngine engine) {
        int known = engine.knownEdgeCount();
        int others = recording.known().size() - known;
        return known == 0 ? "" : "; %,d edges are known, %,d found no room".formatted(known, others);
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
