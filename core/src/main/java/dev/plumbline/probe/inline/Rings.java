package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PerCpu;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.x86.Assembler;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The rings of all CPUs, and the recorder that writes to them.
final class Rings {
    static final int ORDER = 10;
    static final int SLOTS_LOG2 = 12 + ORDER - Recorder.SLOT_BYTES_LOG2;
    private static final int BYTES_LOG2 = 12 + ORDER;
    private static final int CODE_BYTES = 1024;
    private static final int TABLES_BYTES = 16;
    private static final int PAGE_BYTES = 4096;

    private final GuestText text;
    private final RecordingMode mode;
    private final PerCpu perCpu;
    private final Counters counters;
    private final List<RingReader> readers = new ArrayList<>();
    private final Assembler code;
    private final RingLimits limits;
    private final Optional<EdgeTableImage> edges;
    private Reservation slots;
    private long lostBefore;

    private Rings(
            GuestText text,
            RecordingMode mode,
            PerCpu perCpu,
            Counters counters,
            long area,
            Optional<EdgeTableImage> edges) {
        this.text = text;
        this.mode = mode;
        this.perCpu = perCpu;
        this.counters = counters;
        this.code = new Assembler(area + BorrowedTask.HEADER_BYTES);
        this.limits = new RingLimits(code.here(), counters);
        this.edges = edges;
    }

    /// How much of our code the recorder takes, its tables included: whole pages.
    static int areaBytes(int cpuCount) {
        return BorrowedTask.HEADER_BYTES + cpuCount * TABLES_BYTES + CODE_BYTES + PAGE_BYTES - 1 & -PAGE_BYTES;
    }

    /// What is to be borrowed before the rings themselves.
    static int[] tableOrders(RecordingMode mode) {
        return mode == RecordingMode.EDGE ? new int[] {EdgeTable.ORDER} : new int[0];
    }

    /// Places the recorder.
    ///
    /// @param changes says what was lent: the tables of [#tableOrders] first, the rings last
    static Rings place(LinuxKernel kernel, GuestText text, Changes changes, Recording recording) throws GuestException {
        RecordingMode mode = recording.mode();
        Counters counters = new Counters(changes.perCpu().getFirst().pointer());
        List<Block> blocks = changes.blocks();
        Optional<EdgeTableImage> edges = mode == RecordingMode.EDGE
                ? Optional.of(new EdgeTableImage(
                        new EdgeTable(blocks.getFirst().address(), new SecureRandom().nextLong() | 1),
                        recording.known()))
                : Optional.empty();
        Rings rings = new Rings(text, mode, kernel.perCpu(), counters, changes.areaAddress(), edges);
        int cpus = kernel.perCpu().bases().length;
        rings.start(kernel, blocks.subList(blocks.size() - cpus, blocks.size()));
        return rings;
    }

    private void start(LinuxKernel kernel, List<Block> rings) throws GuestException {
        counters.start(text, perCpu, 1L << BYTES_LOG2);
        for (int cpu = 0; cpu < rings.size(); cpu++) {
            code.word(RingLimits.word(cpu, 1L << SLOTS_LOG2, SLOTS_LOG2));
            if (perCpu.possible()[cpu]) {
                readers.add(new RingReader(
                        cpu,
                        kernel.machine().memory(),
                        text.physical(rings.get(cpu).address()),
                        counters.place(text, perCpu, cpu),
                        SLOTS_LOG2,
                        mode));
            }
        }
        forgetEdges();
        Optional<RingLimits> used = mode == RecordingMode.LOSSLESS ? Optional.of(limits) : Optional.empty();
        slots = new Recorder(code, kernel.perCpuPlaces(), counters, BYTES_LOG2, edges.map(EdgeTableImage::table), used)
                .emit(rings.stream().mapToLong(Block::address).toArray());
        byte[] bytes = code.assemble();
        text.writeCode(List.of(text.patch(limits.address(), bytes)));
    }

    /// How slots are taken.
    Reservation slots() {
        return slots;
    }

    /// What a probe calls.
    long recorder() {
        return code.address("recorder");
    }

    /// What a probe calls where tasks are switched.
    long timedRecorder() {
        return code.address("timed");
    }

    long poll(CallEventSink sink) throws GuestException {
        long events = 0;
        for (RingReader reader : readers) {
            events += reader.poll(sink);
            if (mode == RecordingMode.LOSSLESS) {
                moveLimit(reader);
            }
        }
        if (lost() > lostBefore) {
            lostBefore = lost();
            makeGood();
        }
        return events;
    }

    private void moveLimit(RingReader reader) throws GuestException {
        long word = RingLimits.word(reader.cpu(), reader.next(), SLOTS_LOG2);
        text.writeData(limits.place(reader.cpu()), new Assembler(0).word(word).assemble());
    }

    /// Has every edge be told again that was not known from the start: code has come or gone, and what was known may
    /// be of what stood there before.
    void forgetEdges() throws GuestException {
        if (edges.isPresent()) {
            edges.get().write(text);
        }
    }

    /// How many edges are known from the start.
    int knownEdgeCount() {
        return edges.map(EdgeTableImage::edgeCount).orElse(0);
    }

    private void makeGood() throws GuestException {
        forgetEdges();
        if (mode == RecordingMode.LOSSLESS) {
            waitAgain();
        }
    }

    // The reader is back.
    private void waitAgain() throws GuestException {
        for (RingReader reader : readers) {
            text.writeData(perCpu.bases()[reader.cpu()] + counters.pointer() + Counters.GAVE_UP_AT, new byte[1]);
        }
    }

    long seen() {
        return readers.stream().mapToLong(RingReader::seen).sum();
    }

    long lost() {
        return readers.stream().mapToLong(RingReader::lost).sum();
    }

    long hits() throws GuestException {
        long hits = 0;
        for (RingReader reader : readers) {
            hits += reader.entered();
        }
        return hits;
    }
}
