package dev.plumbline.bench;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.qemu.GuestMonitor;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.probe.trap.TrapCounts;
import dev.plumbline.probe.trap.TrapEngine;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// The two probe engines side by side on one guest, and a breakpoint next to gdb on the same. Everything that goes
/// through QEMU's debug stub is timed by QEMU.
public final class Engines implements AutoCloseable {
    private static final String FUNCTION = "getppid";
    private static final int[] OTHERS = {0, 10, 100, 1000, 5000};
    /// More iterations than are to be seen, for those that steps run through.
    private static final int SPARE = 10;

    private static final int OTHER_HITS = 24;
    private static final int INLINE_LISTINGS = 40;
    private static final int TRAP_LISTINGS = 3;
    private static final Duration LONGEST = Duration.ofMinutes(9);

    private final String series;
    private final int hits;
    private final Path directory = Files.createTempDirectory("plumbline-bench-");
    private final StubLog log;
    private final TestGuest guest;
    private final GuestMonitor monitor;
    private final QemuMachine machine;
    private final LinuxKernel kernel;
    private final EngineRun engines;
    private final long site;

    private Engines(String series, int hits) throws IOException {
        this.series = series;
        this.hits = hits;
        Path logFile = directory.resolve("stub.log");
        Path socket = directory.resolve("qmp");
        List<String> arguments = new ArrayList<>(StubLog.arguments(logFile));
        arguments.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
        log = new StubLog(logFile);
        guest = TestGuest.boot(
                        "bench-" + ProcessHandle.current().pid(),
                        GuestOptions.DEFAULT
                                .withKernel(GuestKernel.ofSeries(series).orElseThrow())
                                .withExtraQemuArguments(arguments.toArray(String[]::new)))
                .withLimits(ExecLimits.DEFAULT.withTotal(LONGEST).withSilence(LONGEST));
        monitor = new GuestMonitor(socket);
        machine = QemuMachine.attach(guest.qmpSocket());
        kernel = LinuxKernel.open(machine);
        engines = new EngineRun(kernel, guest);
        site = siteOf(engines.named(FUNCTION).entryAddress());
    }

    private long siteOf(long entry) {
        return engines.sites().stream()
                .filter(address ->
                        engines.graph().functionAt(address) == engines.graph().functionAt(entry))
                .findFirst()
                .orElseThrow();
    }

    /// Prints a line for each row of a table: the table's name, a tab, the row.
    ///
    /// @param arguments the kernel's series, how many hits
    public static void main(String[] arguments) throws Exception {
        try (Engines engines = new Engines(arguments[0], Integer.parseInt(arguments[1]))) {
            engines.breakpoints();
            engines.listings();
        }
    }

    private void breakpoints() throws IOException, InterruptedException {
        double loop = loopMicros();
        // The first time is the compiler's.
        own(hits, new long[0]);
        HitCost own =
                own(hits, new long[0]).orElseThrow(() -> new IOException("the guest does not come to its breakpoint"));
        HitCost gdb = gdb(false);
        printDebugger("Plumbline", own, gdb);
        printDebugger("gdb, a script", gdb, gdb);
        printDebugger("gdb, a script that skips the NOP itself", gdb(true), gdb);
        double part = 100 * (own.qemuCore() - loop) / (own.qemuCore() + own.debuggerCore());
        row(
                "hit",
                "%s | %.0f | %,.0f | %,.0f | %,.0f | %.2f | %.0f %%"
                        .formatted(series, loop, own.held(), own.ran(), own.qemuCore(), own.flushes(), part));
        long[] idle = IdleSites.of(
                kernel, new ProbeJournal(directory, kernel.identity().bootMark()), engines.sites(), guest, loop("2s"));
        for (int others : OTHERS) {
            row(
                    "others",
                    "%s | %,d | %s"
                            .formatted(
                                    series,
                                    others,
                                    own(OTHER_HITS, spread(idle, others))
                                            .map(cost -> "%,.0f | %,.0f | %,.0f"
                                                    .formatted(cost.held(), cost.ran(), cost.qemuCore()))
                                            .orElse(" | none in 30 s | ")));
        }
    }

    private static String loop(String amount) {
        return "syscall-loop " + amount;
    }

    // Of QEMU's core time: what it takes where nobody else computes.
    private double loopMicros() throws IOException {
        guest.execChecked(loop("2s"));
        double before = CoreTime.seconds(guest.pid());
        long iterations = Long.parseLong(guest.execChecked(loop("2s")).split(" ")[0]);
        return (CoreTime.seconds(guest.pid()) - before) * 1e6 / iterations;
    }

    private static long[] spread(long[] sites, int count) {
        if (sites.length < count) {
            throw new IllegalStateException("only " + sites.length + " functions are idle");
        }
        return IntStream.range(0, count)
                .mapToLong(i -> sites[(int) ((long) i * sites.length / count)])
                .toArray();
    }

    private Optional<HitCost> own(int times, long[] others) throws IOException {
        List<RunningCommand> running = new ArrayList<>();
        try (OwnBreakpoint breakpoint = new OwnBreakpoint(kernel, site, others)) {
            Optional<HitCost> cost = breakpoint.hits(
                    times,
                    () -> running.add(guest.start(loop(Integer.toString(times + SPARE)))),
                    new HitCost.CoreTimes(() -> CoreTime.ofThread() / 1e9, () -> CoreTime.seconds(guest.pid()), times),
                    monitor,
                    log);
            if (breakpoint.strays() > 0) {
                System.err.println(breakpoint.strays() + " other breakpoints were hit");
            }
            return cost;
        } finally {
            end(running);
        }
    }

    private HitCost gdb(boolean emulates) throws IOException, InterruptedException {
        Path stub = directory.resolve("stub");
        monitor.startStub(stub);
        log.hits();
        List<RunningCommand> running = new ArrayList<>();
        int currentTask = kernel.perCpuPlaces().currentTask();
        try (GdbBreakpoint gdb = new GdbBreakpoint(stub, site, currentTask, hits, emulates)) {
            running.add(guest.start(loop(Integer.toString(hits))));
            return gdb.hits(
                    new HitCost.CoreTimes(() -> CoreTime.seconds(gdb.pid()), () -> CoreTime.seconds(guest.pid()), hits),
                    log);
        } finally {
            monitor.stopStub();
            end(running);
        }
    }

    private static void end(List<RunningCommand> running) throws IOException {
        for (RunningCommand command : running) {
            command.await();
            command.close();
        }
    }

    private void printDebugger(String who, HitCost cost, HitCost gdb) {
        row(
                "gdb",
                "%s, %s | %,d | %.2f | %.1f | %.1f | %,.0f | %.1f | %,.0f | %.1f | %,.0f | %,.0f"
                        .formatted(
                                series,
                                who,
                                cost.hits(),
                                cost.stops(),
                                cost.packets(),
                                cost.roundTrips(),
                                cost.outside(),
                                gdb.outside() / cost.outside(),
                                cost.outsideAtBest(),
                                gdb.outsideAtBest() / cost.outsideAtBest(),
                                cost.debuggerCore(),
                                cost.qemuCore()));
    }

    private void listings() throws IOException {
        ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
        engines.plain(INLINE_LISTINGS);
        EngineRun.Work plain = engines.plain(INLINE_LISTINGS);
        row("listings", "%s, no probes | | | | %.1f | |".formatted(series, plain.qemuMicros() / 1e3));
        EngineRun.Seen inline =
                engines.probed(INLINE_LISTINGS, () -> InlineEngine.arm(kernel, journal, engines.sites()), _ -> {});
        printListing("inline", inline, plain, "0", "");
        TrapCounts[] counts = new TrapCounts[1];
        EngineRun.Seen trap = engines.probed(
                TRAP_LISTINGS,
                () -> TrapEngine.arm(
                        kernel,
                        journal,
                        engines.graph(),
                        List.of(engines.systemCall()),
                        engines.sites(),
                        new Recording(RecordingMode.FULL, false)),
                engine -> counts[0] = ((TrapEngine) engine).counts());
        printListing(
                "trap",
                trap,
                plain,
                "%,.0f".formatted((double) counts[0].stops() / TRAP_LISTINGS),
                "%,d hits, %,d of them of others; %,d instructions run in the guest's place, %,d stepped over"
                        .formatted(counts[0].hits(), counts[0].foreign(), counts[0].emulated(), counts[0].stepped()));
    }

    private void printListing(String engine, EngineRun.Seen seen, EngineRun.Work plain, String stops, String note) {
        double added = (seen.work().qemuMicros() - plain.qemuMicros()) / seen.events();
        row(
                "listings",
                "%s, %s | %.1f | %,.0f | %s | %.1f | %.2f | %s"
                        .formatted(
                                series,
                                engine,
                                (double) seen.callsInThem() / seen.systemCalls(),
                                seen.events(),
                                stops,
                                seen.work().qemuMicros() / 1e3,
                                added,
                                note));
    }

    private static void row(String table, String cells) {
        System.out.println(table + "\t| " + cells + " |");
    }

    @Override
    public void close() throws IOException {
        machine.close();
        monitor.close();
        guest.close();
        try (Stream<Path> files = Files.list(directory)) {
            files.map(Path::toFile).forEach(File::delete);
        }
        Files.deleteIfExists(directory);
    }
}
