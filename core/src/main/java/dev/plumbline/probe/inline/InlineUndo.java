package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.probe.ProbeJournal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;

/// Takes inline probes out of a guest from what the journal says, be it this run's or that of one that was
/// killed.
final class InlineUndo {
    private static final long PATIENCE_NANOS = 20_000_000_000L;
    private static final long RETRY_NANOS = 20_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final ProbeJournal.Changes changes;
    private Optional<ProbeJournal.Code> held = Optional.empty();
    private boolean isRegistering;

    InlineUndo(LinuxKernel kernel, GuestText text, ProbeJournal.Changes changes) {
        this.kernel = kernel;
        this.text = text;
        this.changes = changes;
    }

    /// Takes everything out, in an order in which the guest's own tracer never meets what it does not expect, and
    /// in which a kill at any point leaves something that can be undone.
    ///
    /// @param journal is brought up to date meanwhile
    void run(ProbeJournal journal) throws GuestException {
        removeProbes();
        Optional<FtraceGate> gate = FtraceGate.standing(kernel, text, changes);
        if (gate.isPresent()) {
            gate.get().openForGood();
        }
        awaitUnheld();
        clearAll(gate);
        Loan loan = Loan.of(kernel, text, changes);
        if (!loan.isEmpty()) {
            loan.mark();
            journal.write(loan.asReturning());
            giveBack(loan);
            journal.write(changes.withLent(List.of(), List.of()).asReturning());
        }
        if (gate.isPresent()) {
            gate.get().openForGood();
            gate.get().restoreDoor();
        }
        clearAll(Optional.empty());
    }

    /// Puts the NOP back wherever there is a call of ours now, and the instructions that other jumps of ours
    /// displaced. A module that has been unloaded meanwhile has taken its sites along, and the guest's own
    /// tracer may use one: what is in their place then is none of our business.
    void removeProbes() throws GuestException {
        try (Pausing.Pause _ = text.pausing().pause()) {
            List<CodePatch> originals = new ArrayList<>();
            TextPages pages = new TextPages(text);
            for (ProbeJournal.Site site : changes.sites()) {
                byte[] now = pages.read(site.physical(), InlineSites.BYTES);
                if (isIn(InlineSites.callTarget(now, site.address()), areaEnd()) && isMapped(site)) {
                    originals.add(new CodePatch(site.physical(), InlineSites.nop()));
                }
            }
            addOriginals(pages, originals);
            if (!originals.isEmpty()) {
                text.writeCode(originals);
            }
        }
        BorrowedTask.release(text, changes.areaAddress());
    }

    // What a kprobe has a copy of stays, and all of our code with it.
    private void addOriginals(TextPages pages, List<CodePatch> originals) throws GuestException {
        held = Optional.empty();
        Optional<KprobePlaces> kprobes = KprobePlaces.read(kernel, text);
        isRegistering = kprobes.isEmpty();
        for (ProbeJournal.Code code : changes.codes()) {
            int length = code.original().length;
            byte[] now = pages.read(code.physical(), length);
            OptionalLong detoured = new Detour(code).targetOf(now);
            if (isIn(detoured, areaEnd()) && !isIn(detoured, gateAddress())) {
                // The gate sees to its door.
                continue;
            }
            OptionalLong target = InlineSites.branchTarget(now, code.address());
            boolean isOurs = isIn(target, areaEnd());
            boolean isCopied = isRegistering || kprobes.get().mayCopy(code.address(), length);
            if (isOurs ? isCopied : !isOriginal(now, code)) {
                held = Optional.of(code);
            } else if (isIn(target, gateAddress())) {
                originals.add(new CodePatch(code.physical(), code.original()));
            }
        }
    }

    private void awaitUnheld() throws GuestException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (isRegistering && held.isPresent() && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(RETRY_NANOS);
            removeProbes();
        }
        if (held.isPresent()) {
            throw new GuestException(
                    ("a kprobe of the guest's own holds a copy of an instruction of Plumbline's at 0x%x:"
                                    + " delete that kprobe in the guest, then run plumbline detach")
                            .formatted(held.get().address()));
        }
    }

    // The first byte is a kprobe's breakpoint; those behind it say what it stands on.
    private static boolean isOriginal(byte[] now, ProbeJournal.Code code) {
        int from = now[0] == CodeCave.FILLER ? 1 : 0;
        return Arrays.equals(now, from, now.length, code.original(), from, now.length);
    }

    private boolean isIn(OptionalLong target, long end) {
        return target.isPresent() && target.getAsLong() >= changes.areaAddress() && target.getAsLong() < end;
    }

    // The memory of a module that has gone is somebody else's.
    private boolean isMapped(ProbeJournal.Site site) throws GuestException {
        if (kernel.image().contains(site.address())) {
            return true;
        }
        kernel.addressSpace().forgetTranslations();
        return kernel.addressSpace().translate(new VirtualAddress(site.address())) instanceof Translation.Mapped mapped
                && mapped.address().equals(site.physical());
    }

    private long areaEnd() {
        return changes.areaAddress() + changes.areaBytes();
    }

    private long gateAddress() {
        return areaEnd() - FtraceGate.BYTES;
    }

    /// Waits until nothing runs code of ours but the gate, then puts back what stood there.
    void clearArea() throws GuestException {
        CodePatch restored = filler(gateAddress());
        clear(gateAddress(), () -> {
            text.writeCode(List.of(restored));
            return true;
        });
    }

    /// Waits until nothing runs any code of ours, then puts back what stood there.
    ///
    /// @param gate stays, shut
    private void clearAll(Optional<FtraceGate> gate) throws GuestException {
        CodePatch restored = filler(gate.isPresent() ? gateAddress() : areaEnd());
        clear(areaEnd(), () -> {
            if (gate.isPresent() && !gate.get().isIdle()) {
                return false;
            }
            text.writeCode(List.of(restored));
            if (gate.isPresent()) {
                gate.get().shutNow();
            }
            return true;
        });
    }

    private CodePatch filler(long end) throws GuestException {
        byte[] filler = new byte[(int) (end - changes.areaAddress())];
        Arrays.fill(filler, CodeCave.FILLER);
        return text.patch(changes.areaAddress(), filler);
    }

    private void clear(long end, Quiescence.Action action) throws GuestException {
        boolean done = new Quiescence(kernel, text, changes.areaAddress(), end).awaitAndDo(PATIENCE_NANOS, () -> {
            // Of another boot this memory is none of our business.
            kernel.verifyStillRunning();
            return action.run();
        });
        if (!done) {
            throw new GuestException("a task of the guest stays in the recorder; try plumbline detach again later");
        }
    }

    private void giveBack(Loan loan) throws GuestException {
        long pageFreer = function("free_pages");
        long perCpuFreer = function("free_percpu");
        new GuestCode(kernel, text, this, changes.areaAddress())
                .run((code, _) -> loan.emitReturn(code, pageFreer, perCpuFreer));
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
