package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PerCpu;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.ProbeJournal.Site;
import dev.plumbline.x86.Assembler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Arms inline probes, reads what they record, and takes them out again.
///
/// If the process is killed the probes stay and go on recording into their rings, which nobody reads then; the
/// journal says what to put back, and [#undo] does.
public final class InlineEngine implements ProbeEngine {
    private static final int AREA_BYTES = 4096;
    private static final int RING_ORDER = 10;
    private static final int RING_BYTES_LOG2 = 12 + RING_ORDER;
    private static final int SLOTS_LOG2 = RING_BYTES_LOG2 - Recorder.SLOT_BYTES_LOG2;
    private static final int ENDBR_BYTES = 4;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final ProbeJournal journal;
    private final long area;
    private final List<RingReader> rings = new ArrayList<>();
    private Changes changes;
    private int siteCount;

    private InlineEngine(LinuxKernel kernel, ProbeJournal journal) throws GuestException {
        this.kernel = kernel;
        this.text = new GuestText(kernel);
        this.journal = journal;
        CodeCave cave = CodeCave.find(kernel.addressSpace(), kernel.image(), 2L * AREA_BYTES);
        this.area = (cave.address() + AREA_BYTES - 1) & -AREA_BYTES;
    }

    /// Sets a probe at each site.
    ///
    /// @param journal where what is changed is written down first
    /// @param sites addresses of function entries' NOPs, from the kernel's ftrace records
    /// @throws GuestException if it cannot be done; the guest is as it was then
    public static InlineEngine arm(LinuxKernel kernel, ProbeJournal journal, List<Long> sites) throws GuestException {
        if (journal.read().isPresent()) {
            throw new GuestException("probes of another run are in "
                    + kernel.machine().name() + "; end that run, or take them out with plumbline detach");
        }
        InlineEngine engine = new InlineEngine(kernel, journal);
        try {
            engine.start(sites);
        } catch (GuestException e) {
            engine.rollBack(e);
            throw e;
        }
        return engine;
    }

    /// Takes out what a run that was killed has left in this boot of the guest.
    ///
    /// @return whether there was anything
    /// @throws GuestException if the guest cannot be reached or the journal is damaged
    public static boolean undo(LinuxKernel kernel, ProbeJournal journal) throws GuestException {
        var changes = journal.read();
        if (changes.isEmpty()) {
            journal.delete();
            return false;
        }
        undo(kernel, new GuestText(kernel), changes.get());
        journal.delete();
        return true;
    }

    private static void undo(LinuxKernel kernel, GuestText text, Changes changes) throws GuestException {
        kernel.verifyStillRunning();
        InlineUndo undo = new InlineUndo(kernel, text, changes);
        undo.removeProbes();
        undo.clearArea();
        undo.freeBlocks();
    }

    private void start(List<Long> sites) throws GuestException {
        if (!isFiller(text.read(area, AREA_BYTES))) {
            throw new GuestException("the unused part of kernel text at 0x%x is in use".formatted(area)
                    + ", perhaps by probes whose journal is gone; reboot the guest");
        }
        List<Site> free = new ArrayList<>();
        for (long site : sites) {
            if (Arrays.equals(text.read(site, InlineSites.BYTES), InlineSites.nop())) {
                free.add(new Site(site, text.physical(site)));
            }
        }
        changes = new Changes(area, AREA_BYTES, List.of(), List.of(), withEntries(free));
        journal.write(changes);
        changes = new RingMemory(kernel, text, changes).borrow(cpuCount(), RING_ORDER);
        journal.write(changes);
        // Whatever the guest could spare is in the journal; now it must be enough.
        RingMemory.verify(kernel, changes, cpuCount(), RING_ORDER);
        Assembler recorder = placeRecorder();
        Set<Long> switches = taskSwitches();
        List<CodePatch> calls = new ArrayList<>();
        for (Site site : free) {
            long target = recorder.address(switches.contains(site.address()) ? "timed" : "recorder");
            byte[] call = new Assembler(site.address()).call(target).assemble();
            calls.add(new CodePatch(site.physical(), call));
        }
        text.writeCode(calls);
        siteCount = free.size();
    }

    private List<Site> withEntries(List<Site> sites) throws GuestException {
        Set<Site> all = new LinkedHashSet<>(sites);
        for (long entry : GuestCode.sites(kernel)) {
            all.add(new Site(entry, text.physical(entry)));
        }
        return List.copyOf(all);
    }

    private Assembler placeRecorder() throws GuestException {
        PhysicalMemory memory = kernel.machine().memory();
        PerCpu perCpu = kernel.perCpu();
        Counters counters = new Counters(changes.perCpu().getFirst().pointer());
        counters.start(text, perCpu, 1L << RING_BYTES_LOG2);
        long[] ringAddresses =
                changes.blocks().stream().mapToLong(Block::address).toArray();
        for (int cpu = 0; cpu < ringAddresses.length; cpu++) {
            if (perCpu.possible()[cpu]) {
                rings.add(new RingReader(
                        cpu, memory, text.physical(ringAddresses[cpu]), counters.place(text, perCpu, cpu), SLOTS_LOG2));
            }
        }
        Assembler code = new Assembler(area);
        Recorder.emit(code, kernel.perCpuPlaces(), ringAddresses, counters, RING_BYTES_LOG2);
        text.writeCode(List.of(text.patch(area, code.assemble())));
        return code;
    }

    // Every task that a CPU switches to comes through this function, a new one too. Compilers add suffixes to its name.
    private Set<Long> taskSwitches() {
        SymbolTable symbols = kernel.coreSymbols();
        Set<Long> sites = new HashSet<>();
        for (int symbol = 0; symbol < symbols.size(); symbol++) {
            if (symbols.isText(symbol) && symbols.nameStartsWith(symbol, "finish_task_switch")) {
                sites.add(symbols.address(symbol));
                sites.add(symbols.address(symbol) + ENDBR_BYTES);
            }
        }
        return sites;
    }

    private int cpuCount() throws GuestException {
        return kernel.perCpu().bases().length;
    }

    private void rollBack(GuestException reason) {
        try {
            if (changes != null) {
                undo(kernel, text, changes);
                journal.delete();
            }
        } catch (GuestException e) {
            reason.addSuppressed(e);
        }
    }

    @Override
    public long poll(CallEventSink sink) throws GuestException {
        long events = 0;
        for (RingReader ring : rings) {
            events += ring.poll(sink);
        }
        return events;
    }

    @Override
    public int siteCount() {
        return siteCount;
    }

    @Override
    public long seen() {
        return rings.stream().mapToLong(RingReader::seen).sum();
    }

    @Override
    public long lost() {
        return rings.stream().mapToLong(RingReader::lost).sum();
    }

    @Override
    public long hits() throws GuestException {
        long hits = 0;
        for (RingReader ring : rings) {
            hits += ring.entered();
        }
        return hits;
    }

    @Override
    public void disarm() throws GuestException {
        new InlineUndo(kernel, text, changes).removeProbes();
        siteCount = 0;
    }

    @Override
    public void close() throws GuestException {
        if (changes == null) {
            return;
        }
        try {
            undo(kernel, text, changes);
        } catch (GuestException e) {
            if (isGone()) {
                journal.delete();
            }
            throw e;
        }
        changes = null;
        journal.delete();
    }

    // With its kernel everything of ours has gone, and there is nothing left to undo.
    private boolean isGone() throws GuestException {
        try {
            return !kernel.isStillRunning();
        } catch (GuestGoneException _) {
            return true;
        }
    }

    private static boolean isFiller(byte[] bytes) {
        for (byte value : bytes) {
            if (value != CodeCave.FILLER) {
                return false;
            }
        }
        return true;
    }
}
