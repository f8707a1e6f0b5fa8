package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Takes inline probes out of a guest from what the journal says, be it this run's or that of one that was killed.
final class InlineUndo {
    private static final long PATIENCE_NANOS = 5_000_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final ProbeJournal.Changes changes;

    InlineUndo(LinuxKernel kernel, GuestText text, ProbeJournal.Changes changes) {
        this.kernel = kernel;
        this.text = text;
        this.changes = changes;
    }

    /// Puts the NOP back wherever there is a call of ours now. A module that has been unloaded meanwhile has taken
    /// its sites along, and the guest's own tracer may use one: what is in their place then is none of our
    /// business.
    void removeProbes() throws GuestException {
        List<CodePatch> nops = new ArrayList<>();
        for (ProbeJournal.Site site : changes.sites()) {
            if (isOurCall(site)) {
                nops.add(new CodePatch(site.physical(), InlineSites.nop()));
            }
        }
        if (!nops.isEmpty()) {
            text.writeCode(nops);
        }
    }

    private boolean isOurCall(ProbeJournal.Site site) throws GuestException {
        byte[] now = text.readPhysical(site.physical(), InlineSites.BYTES);
        long target = InlineSites.callTarget(now, site.address()).orElse(0);
        return target >= changes.areaAddress() && target < changes.areaAddress() + changes.areaBytes();
    }

    /// Waits until nothing runs code of ours, then puts back what stood there.
    void clearArea() throws GuestException {
        byte[] filler = new byte[changes.areaBytes()];
        Arrays.fill(filler, CodeCave.FILLER);
        CodePatch restored = text.patch(changes.areaAddress(), filler);
        boolean done = new Quiescence(kernel, text, changes.areaAddress(), changes.areaAddress() + changes.areaBytes())
                .awaitAndDo(PATIENCE_NANOS, () -> {
                    // Of another boot this memory is none of our business.
                    kernel.verifyStillRunning();
                    text.writeCode(List.of(restored));
                });
        if (!done) {
            throw new GuestException("a task of the guest stays in the recorder; try plumbline detach again later");
        }
    }

    /// Gives the pages back to the guest.
    void freeBlocks() throws GuestException {
        if (changes.blocks().isEmpty() && changes.perCpu().isEmpty()) {
            return;
        }
        long pageFreer = function("free_pages");
        long perCpuFreer = function("free_percpu");
        new GuestCode(kernel, text, this, changes.areaAddress()).run((code, _) -> {
            GuestAllocation.emitFreeing(code, pageFreer, changes.blocks());
            GuestAllocation.emitFreeingPerCpu(code, perCpuFreer, changes.perCpu());
        });
    }

    private long function(String name) throws GuestException {
        SymbolTable symbols = kernel.coreSymbols();
        var function = symbols.find(name);
        if (function.isEmpty()) {
            throw new GuestException("the kernel has no function " + name + ", so the rings cannot be given back");
        }
        return symbols.address(function.getAsInt());
    }
}
