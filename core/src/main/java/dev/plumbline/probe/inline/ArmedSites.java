package dev.plumbline.probe.inline;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.probe.ProbeJournal.Site;
import dev.plumbline.x86.Assembler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongUnaryOperator;

/// The sites that are to hold probes, and which of them do now: those that the guest's own tracer uses are left
/// to it. All of them are in the journal.
final class ArmedSites {
    private final LinuxKernel kernel;
    private final GuestText text;
    private final LongUnaryOperator recorders;
    private Site[] sites = {};
    private BitSet armed = new BitSet();
    private BitSet used = new BitSet();
    private boolean retry;

    /// @param recorders by site, the code of ours that is to be called there
    ArmedSites(LinuxKernel kernel, GuestText text, LongUnaryOperator recorders) {
        this.kernel = kernel;
        this.text = text;
        this.recorders = recorders;
    }

    /// How many hold a probe.
    int armedCount() {
        return armed.cardinality();
    }

    /// How many are left to the guest's own tracer.
    int usedCount() {
        return used.cardinality();
    }

    /// Whether some could not be armed the last time because modules came and went in that moment.
    boolean wantsRetry() {
        return retry;
    }

    /// From now on these; what is known of those that stay is kept, and nothing is written. Those that go hold no
    /// probe any more, or went with their memory.
    void use(List<Site> now) {
        Site[] sorted = now.toArray(Site[]::new);
        Arrays.sort(sorted, Comparator.comparingLong(Site::address));
        BitSet stillArmed = new BitSet();
        BitSet stillUsed = new BitSet();
        for (int i = 0; i < sorted.length; i++) {
            int before = find(sorted[i].address());
            boolean stays = before >= 0 && sites[before].equals(sorted[i]);
            stillArmed.set(i, stays && armed.get(before));
            stillUsed.set(i, stays && used.get(before));
        }
        sites = sorted;
        armed = stillArmed;
        used = stillUsed;
    }

    /// Puts the NOP back wherever the guest's own tracer uses a site or is about to. The guest is paused, and its
    /// tracer waits at the gate.
    void giveUsed() throws GuestException {
        List<CodePatch> nops = new ArrayList<>();
        for (FtraceRecord record : kernel.ftraceRecords()) {
            int site = record.isInUse() ? find(record.address()) : -1;
            if (site >= 0) {
                used.set(site);
                if (armed.get(site)) {
                    armed.clear(site);
                    nops.add(new CodePatch(sites[site].physical(), InlineSites.nop()));
                }
            }
        }
        write(nops);
    }

    /// Sets a probe at each site that is free and has none. The gate is shut, so that nothing changes the
    /// kernel's own sites; a module may go at any time before the guest is paused here.
    void takeFree() throws GuestException {
        long modules = kernel.moduleMark();
        BitSet free = free();
        List<CodePatch> ofKernel = new ArrayList<>();
        List<CodePatch> ofModules = new ArrayList<>();
        BitSet core = new BitSet();
        TextPages pages = new TextPages(text);
        for (int site = free.nextSetBit(0); site >= 0; site = free.nextSetBit(site + 1)) {
            if (!Arrays.equals(pages.read(sites[site].physical(), InlineSites.BYTES), InlineSites.nop())) {
                free.clear(site);
                continue;
            }
            boolean isOwn = kernel.image().contains(sites[site].address());
            core.set(site, isOwn);
            (isOwn ? ofKernel : ofModules).add(call(sites[site]));
        }
        try (Pausing.Pause _ = text.pausing().pause()) {
            retry = !ofModules.isEmpty() && !(kernel.moduleMark() == modules && holdNops(ofModules));
            if (!retry) {
                ofKernel.addAll(ofModules);
            }
            write(ofKernel);
        }
        armed.or(retry ? core : free);
    }

    private BitSet free() throws GuestException {
        BitSet free = new BitSet();
        used.clear();
        for (FtraceRecord record : kernel.ftraceRecords()) {
            int site = record.disabled() ? -1 : find(record.address());
            if (site >= 0) {
                used.set(site, record.isInUse());
                free.set(site, !record.isInUse() && !armed.get(site));
            }
        }
        return free;
    }

    private boolean holdNops(List<CodePatch> patches) throws GuestException {
        TextPages pages = new TextPages(text);
        for (CodePatch patch : patches) {
            if (!Arrays.equals(pages.read(patch.address(), InlineSites.BYTES), InlineSites.nop())) {
                return false;
            }
        }
        return true;
    }

    private CodePatch call(Site site) {
        long target = recorders.applyAsLong(site.address());
        return new CodePatch(
                site.physical(), new Assembler(site.address()).call(target).assemble());
    }

    private void write(List<CodePatch> patches) throws GuestException {
        if (!patches.isEmpty()) {
            text.writeCode(patches);
        }
    }

    /// Looks whether probes in modules still stand: a module that went and came back in between has none.
    void recheckModules() throws GuestException {
        TextPages pages = new TextPages(text);
        for (int site = armed.nextSetBit(0); site >= 0; site = armed.nextSetBit(site + 1)) {
            Site each = sites[site];
            if (!kernel.image().contains(each.address())
                    && !Arrays.equals(
                            pages.read(each.physical(), InlineSites.BYTES),
                            call(each).bytes())) {
                armed.clear(site);
                retry = true;
            }
        }
    }

    /// All of them, ascending.
    List<Site> all() {
        return List.of(sites);
    }

    private int find(long address) {
        int low = 0;
        int high = sites.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int order = Long.compareUnsigned(sites[middle].address(), address);
            if (order == 0) {
                return middle;
            }
            if (order < 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return -1;
    }
}
