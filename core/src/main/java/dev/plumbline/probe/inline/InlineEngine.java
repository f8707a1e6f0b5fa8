package dev.plumbline.probe.inline;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.probe.ProbeJournal.Site;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.RunLock;
import dev.plumbline.probe.WrittenCode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/// Arms inline probes, reads what they record, and takes them out again.
///
/// If the process is killed the probes stay and go on recording into their rings, which nobody reads then; the
/// journal says what to put back, and [#undo] does.
public final class InlineEngine implements ProbeEngine {
    private static final int FURTHEST_IN_PAGE = 4096 - InlineSites.BYTES;
    private static final int PAGE_BYTES = 4096;
    private static final int ENDBR_BYTES = 4;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final ProbeJournal journal;
    private final RunLock lock;
    private final long area;
    private final int recorderBytes;
    private final int areaBytes;
    private final Recording recording;
    private Rings rings;
    private Changes changes;
    private List<Site> entries = List.of();
    private FtraceGate gate;
    private IndirectChecks checks;
    private ArmedSites sites;
    private boolean standsAside;
    private long asideSince;
    private long asideNanos;

    private InlineEngine(LinuxKernel kernel, ProbeJournal journal, RunLock lock, Recording recording)
            throws GuestException {
        this.kernel = kernel;
        this.text = new GuestText(kernel);
        this.journal = journal;
        this.lock = lock;
        this.recording = recording;
        this.recorderBytes = Rings.areaBytes(cpuCount());
        this.areaBytes = recorderBytes + IndirectChecks.BYTES + FtraceGate.BYTES;
        CodeCave cave = CodeCave.find(kernel.addressSpace(), kernel.image(), PAGE_BYTES + areaBytes);
        this.area = (cave.address() + PAGE_BYTES - 1) & -PAGE_BYTES;
        text.written().claim(text.physical(area), areaBytes);
    }

    /// Sets a probe at each site that records every call, and checks indirect calls.
    ///
    /// @param journal where what is changed is written down first
    /// @param sites addresses of function entries' NOPs, from the kernel's ftrace records
    /// @throws GuestException if it cannot be done; the guest is as it was then
    public static InlineEngine arm(LinuxKernel kernel, ProbeJournal journal, List<Long> sites) throws GuestException {
        return arm(kernel, journal, sites, new Recording(RecordingMode.FULL, true));
    }

    /// Sets a probe at each site.
    ///
    /// @param journal where what is changed is written down first
    /// @param sites addresses of function entries' NOPs, from the kernel's ftrace records
    /// @param recording what the probes do; calls through pointers are checked where they go through thunks
    /// @throws GuestException if it cannot be done; the guest is as it was then
    public static InlineEngine arm(LinuxKernel kernel, ProbeJournal journal, List<Long> sites, Recording recording)
            throws GuestException {
        return arm(kernel, journal, sites, recording, List.of());
    }

    /// Sets a probe at each site.
    ///
    /// @param journal where what is changed is written down first
    /// @param sites addresses of function entries' NOPs, from the kernel's ftrace records
    /// @param recording what the probes do
    /// @param indirect where calls through pointers are checked beside the thunks: this boot's, ascending
    /// @throws GuestException if it cannot be done; the guest is as it was then
    public static InlineEngine arm(
            LinuxKernel kernel,
            ProbeJournal journal,
            List<Long> sites,
            Recording recording,
            List<IndirectSite> indirect)
            throws GuestException {
        RunLock lock = journal.holdUntouched(kernel.machine().name());
        try {
            InlineEngine engine = new InlineEngine(kernel, journal, lock, recording);
            engine.checks = recording.checksIndirect()
                    ? IndirectChecks.of(kernel, engine.text, sites.size(), indirect)
                    : IndirectChecks.none(kernel, engine.text);
            engine.startOrRollBack(sites);
            return engine;
        } catch (GuestException e) {
            lock.close();
            throw e;
        }
    }

    /// Which of the sites in a journal hold a probe now.
    ///
    /// @throws GuestException if the guest cannot be read
    public static List<Site> armed(LinuxKernel kernel, Changes changes) throws GuestException {
        List<Site> armed = new ArrayList<>();
        MemorySegment bytes = MemorySegment.ofArray(new byte[InlineSites.BYTES]);
        for (Site site : changes.sites()) {
            kernel.machine().memory().read(site.physical(), bytes);
            long target = InlineSites.callTarget(bytes.toArray(ValueLayout.JAVA_BYTE), site.address())
                    .orElse(0);
            if (target >= changes.areaAddress() && target < changes.areaAddress() + changes.areaBytes()) {
                armed.add(site);
            }
        }
        return armed;
    }

    /// Takes out what a run that was killed has left in this boot of the guest.
    ///
    /// @return whether there was anything
    /// @throws GuestException if the guest cannot be reached or the journal is damaged
    public static boolean undo(LinuxKernel kernel, ProbeJournal journal) throws GuestException {
        try (RunLock _ = journal.hold()) {
            var changes = journal.read();
            if (changes.isEmpty()) {
                journal.delete();
                return false;
            }
            undo(kernel, new GuestText(kernel), journal, changes.get());
            return true;
        }
    }

    private static void undo(LinuxKernel kernel, GuestText text, ProbeJournal journal, Changes changes)
            throws GuestException {
        kernel.verifyStillRunning();
        new InlineUndo(kernel, text, changes).run(journal);
        journal.delete();
    }

    private void startOrRollBack(List<Long> sites) throws GuestException {
        try {
            // Probes are set with the guest's help.
            text.pausing().verifyRunning(kernel.machine().name());
            start(sites);
        } catch (GuestException e) {
            rollBack(e);
            throw e;
        }
    }

    private void start(List<Long> chosen) throws GuestException {
        if (!isFiller(text.read(area, areaBytes))) {
            throw new GuestException("the unused part of kernel text at 0x%x is in use".formatted(area)
                    + ", perhaps by probes whose journal is gone; reboot the guest");
        }
        gate = FtraceGate.at(kernel, text, area + areaBytes - FtraceGate.BYTES);
        entries = located(List.copyOf(GuestCode.sites(kernel)));
        List<Site> all = located(chosen);
        List<Code> codes = new ArrayList<>(checks.codes());
        codes.add(gate.door());
        changes = new Changes(
                area,
                areaBytes,
                List.of(),
                List.of(),
                withEntries(all),
                List.copyOf(codes),
                new SecureRandom().nextLong(),
                false);
        journal.write(changes);
        gate.build();
        gate.shut();
        int[] recorderTables = Rings.tableOrders(recording.mode());
        int[] tables = IntStream.concat(Arrays.stream(recorderTables), Arrays.stream(checks.orders()))
                .toArray();
        changes = new RingMemory(kernel, text, changes).borrow(cpuCount(), Rings.ORDER, tables);
        journal.write(changes);
        Loan.clear(text, changes.blocks());
        // Whatever the guest could spare is in the journal; now it must be enough.
        RingMemory.verify(kernel, changes, cpuCount(), Rings.ORDER, tables);
        rings = Rings.place(kernel, text, changes, recording);
        if (checks.orders().length > 0) {
            int currentTask = kernel.perCpuPlaces().currentTask();
            checks.start(
                    changes.blocks().get(recorderTables.length), all, area + recorderBytes, rings.slots(), currentTask);
        }
        gate.countAt(Loan.ticketsAddress(kernel, changes));
        Set<Long> switches = taskSwitches();
        long plain = rings.recorder();
        long timed = rings.timedRecorder();
        sites = new ArmedSites(kernel, text, site -> recording.takesTimes() || switches.contains(site) ? timed : plain);
        sites.use(all);
        sites.takeFree();
    }

    // A module may have gone meanwhile, and where pages are small the next one may be anywhere.
    private List<Site> located(List<Long> chosen) throws GuestException {
        List<Site> located = new ArrayList<>();
        for (long site : chosen) {
            if (kernel.image().contains(site)) {
                located.add(new Site(site, text.physical(site)));
            } else if ((site & 4095) <= FURTHEST_IN_PAGE
                    && kernel.addressSpace().translate(new VirtualAddress(site)) instanceof Translation.Mapped mapped) {
                located.add(new Site(site, mapped.address()));
            }
        }
        return located;
    }

    private List<Site> withEntries(List<Site> others) {
        Set<Site> all = new LinkedHashSet<>(others);
        all.addAll(entries);
        return List.copyOf(all);
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

    private void rollBack(GuestException reason) throws GuestException {
        try {
            if (changes != null) {
                undo(kernel, text, journal, changes);
            }
        } catch (GuestException e) {
            throw new GuestException(
                    reason.getMessage() + "; and not all could be taken back: " + e.getMessage()
                            + "; try plumbline detach later",
                    reason);
        }
    }

    @Override
    public long poll(CallEventSink sink) throws GuestException {
        giveWay();
        return rings.poll(sink);
    }

    // The guest's own tracer waits at the gate until what it is to change is as it left it; when it has done, what it
    // left free is ours again.
    private void giveWay() throws GuestException {
        if (gate.isWaitedAt()) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                sites.giveUsed();
                gate.letThrough();
            }
            asideSince = standsAside ? asideSince : System.nanoTime();
            standsAside = true;
        } else if (standsAside ? gate.isIdle() : sites.wantsRetry()) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                if (standsAside && !gate.isIdle()) {
                    return;
                }
                sites.takeFree();
            }
            asideNanos += standsAside ? System.nanoTime() - asideSince : 0;
            standsAside = false;
        }
    }

    @Override
    public Change change(CallGraph graph, List<Long> chosen) throws GuestException {
        kernel.addressSpace().forgetTranslations();
        Map<Long, Site> now = new HashMap<>();
        for (Site site : sites.all()) {
            now.put(site.address(), site);
        }
        List<Site> next = new ArrayList<>();
        List<Long> unknown = new ArrayList<>();
        for (long site : chosen) {
            Site known = kernel.image().contains(site) ? now.remove(site) : null;
            if (known != null) {
                next.add(known);
            } else {
                now.remove(site);
                unknown.add(site);
            }
        }
        next.addAll(located(unknown));
        // A call of ours may stand in a module until its memory is given back.
        List<KernelModule> modules = kernel.modules();
        now.values().stream()
                .filter(site -> kernel.image().contains(site.address()) || isIn(modules, site.address()))
                .forEach(next::add);
        return new Change() {
            private Changes planned;

            @Override
            public void writeDown() throws GuestException {
                planned = changes.withSites(withEntries(next));
                journal.write(planned);
            }

            @Override
            public void apply() throws GuestException {
                changes = planned;
                sites.use(next);
                checks.know(next);
                rings.forgetEdges();
                if (!standsAside) {
                    sites.takeFree();
                }
            }
        };
    }

    private static boolean isIn(List<KernelModule> modules, long address) {
        return modules.stream().anyMatch(module -> module.hasCodeAt(address));
    }

    @Override
    public void recheck() throws GuestException {
        sites.recheckModules();
        checks.plain().retry();
    }

    @Override
    public int siteCount() {
        return sites.armedCount();
    }

    @Override
    public int knownEdgeCount() {
        return rings.knownEdgeCount();
    }

    @Override
    public int leftOutCount() {
        return sites.usedCount();
    }

    @Override
    public int checkedThunkCount() {
        return checks.thunkCount();
    }

    @Override
    public int uncheckedThunkCount() {
        return checks.otherCount();
    }

    @Override
    public int checkedSiteCount() {
        return checks.plain().checkedCount();
    }

    @Override
    public int awaitedSiteCount() {
        return checks.plain().awaitedCount();
    }

    @Override
    public int uncheckedSiteCount() {
        return checks.plain().otherCount();
    }

    @Override
    public long asideNanos() {
        return asideNanos;
    }

    @Override
    public WrittenCode written() {
        return text.written();
    }

    @Override
    public long seen() {
        return rings.seen();
    }

    @Override
    public long lost() {
        return rings.lost();
    }

    @Override
    public long hits() throws GuestException {
        return rings.hits();
    }

    @Override
    public void disarm() throws GuestException {
        new InlineUndo(kernel, text, changes).removeProbes();
        sites.use(List.of());
        checks.plain().stop();
    }

    @Override
    public void leave() throws GuestException {
        changes = null;
        lock.close();
    }

    @Override
    public void close() throws GuestException {
        if (changes == null) {
            return;
        }
        try (RunLock _ = lock) {
            undo(kernel, text, journal, changes);
            changes = null;
        } catch (GuestException e) {
            if (isReplaced()) {
                journal.delete();
            }
            throw e;
        }
    }

    // With its kernel everything of ours has gone, and there is nothing left to undo. A guest that has gone as a whole
    // may have been saved, and come back with what was in it.
    private boolean isReplaced() throws GuestException {
        try {
            return !kernel.isStillRunning();
        } catch (GuestGoneException _) {
            return false;
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
