package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R10;
import static dev.plumbline.x86.Assembler.Register.R11;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RCX;
import static dev.plumbline.x86.Assembler.Register.RDX;
import static dev.plumbline.x86.Assembler.Register.RSP;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.probe.ProbeJournal.Site;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Assembler.Condition;
import dev.plumbline.x86.Assembler.Register;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Looks at where calls through pointers lead: each [IndirectThunk] becomes a jump to code that looks the target up
/// among the [KnownEntries], the functions with probes, and records it if it is none of them.
///
/// The block that the guest lent for it holds two tables of the same size. In the second, which is written by the
/// guest, each target that was recorded has one place, which it holds until another takes it: what is called again
/// and again is recorded once, and once more whenever two alternate at one place.
///
/// The code keeps all registers but the flags, which are nobody's at a call, and ends as the thunk does.
final class IndirectChecks {
    /// What it takes of our code.
    static final int BYTES = 4096;

    private static final int WORD_BYTES_LOG2 = 3;
    private static final int PAGE_BYTES_LOG2 = 12;
    /// Functions begin on multiples of it, or their NOP stands there.
    private static final int ALIGNMENT = 16;
    private static final int ENDBR_BYTES = 4;
    private static final int ENDBR64 = 0xfa1e_0ff3;
    /// What the kernel makes of an endbr64 that nothing needs (6.0, commit 5b2fc51576eb).
    private static final int SEALED = 0x001f_0f66;

    private final GuestText text;
    private final List<IndirectThunk> thunks;
    private final int otherCount;
    private final KnownEntries known;
    private PhysicalAddress table;

    private IndirectChecks(GuestText text, IndirectThunk.All thunks, int siteCount) {
        this.text = text;
        this.thunks = thunks.changeable();
        this.otherCount = thunks.otherCount();
        this.known = new KnownEntries(siteCount);
    }

    /// Checks that are not in place yet.
    ///
    /// @param siteCount about how many probes there will be
    /// @throws GuestException if the guest cannot be read
    static IndirectChecks of(LinuxKernel kernel, GuestText text, int siteCount) throws GuestException {
        return new IndirectChecks(text, IndirectThunk.find(text, kernel.coreSymbols()), siteCount);
    }

    /// No checks.
    static IndirectChecks none(GuestText text) {
        return new IndirectChecks(text, new IndirectThunk.All(List.of(), 0), 0);
    }

    /// The places that are changed for it.
    List<Code> codes() {
        return thunks.stream().map(IndirectThunk::entry).toList();
    }

    /// How many thunks are of a kind that is left as it is.
    int otherCount() {
        return otherCount;
    }

    /// The orders of the blocks it needs.
    int[] orders() {
        int order = known.wordsLog2() + 1 + WORD_BYTES_LOG2 - PAGE_BYTES_LOG2;
        return thunks.isEmpty() ? new int[0] : new int[] {order};
    }

    /// Fills the table and sets the checks.
    ///
    /// @param lent the block of that order, all zero
    /// @param address where the code goes
    /// @param slots how an event is recorded
    /// @param currentTask where the current task is, from gs
    void start(Block lent, List<Site> sites, long address, Reservation slots, int currentTask) throws GuestException {
        table = text.physical(lent.address());
        Assembler code = new Assembler(address);
        emit(code, lent.address(), slots, currentTask);
        text.writeCode(List.of(text.patch(address, code.assemble())));
        known.hold(entries(sites), _ -> {});
        ByteBuffer words =
                ByteBuffer.allocate(1 << known.wordsLog2() + WORD_BYTES_LOG2).order(ByteOrder.LITTLE_ENDIAN);
        while (words.hasRemaining()) {
            words.putLong(known.word(words.position() >> WORD_BYTES_LOG2));
        }
        text.writeData(lent.address(), words.array());
        List<CodePatch> jumps = new ArrayList<>();
        for (IndirectThunk thunk : thunks) {
            Code entry = thunk.entry();
            long check = code.address("check" + thunks.indexOf(thunk));
            jumps.add(new CodePatch(
                    entry.physical(), new Assembler(entry.address()).jump(check).assemble()));
        }
        text.writeCode(jumps);
    }

    /// From now on the functions with probes are these.
    void know(List<Site> sites) throws GuestException {
        if (table == null) {
            return;
        }
        List<Integer> changed = new ArrayList<>();
        known.hold(entries(sites), changed::add);
        for (int index : changed) {
            byte[] word = new Assembler(0).word(known.word(index)).assemble();
            text.writePhysical(table.plus((long) index << WORD_BYTES_LOG2), word);
        }
    }

    // What a pointer to a function holds: where it begins, before its endbr64.
    private Set<Long> entries(List<Site> sites) throws GuestException {
        Set<Long> entries = new HashSet<>();
        TextPages pages = new TextPages(text);
        for (Site site : sites) {
            boolean isBehind = site.address() % ALIGNMENT != 0 && isMarker(pages, site);
            entries.add(isBehind ? site.address() - ENDBR_BYTES : site.address());
        }
        return entries;
    }

    private static boolean isMarker(TextPages pages, Site site) throws GuestException {
        byte[] before = pages.read(site.physical().plus(-ENDBR_BYTES), ENDBR_BYTES);
        int marker = ByteBuffer.wrap(before).order(ByteOrder.LITTLE_ENDIAN).getInt();
        return marker == ENDBR64 || marker == SEALED;
    }

    private void emit(Assembler code, long known, Reservation slots, int currentTask) {
        code.label("record").push(RAX).push(R10).push(R11);
        slots.emit(code, "reserved");
        // Three registers and where this returns to; the target; the two registers that the check has saved.
        code.load(R11, RSP, 32).store(R10, 24, R11);
        code.load(R11, RSP, 56).store(R10, 8, R11);
        code.loadPerCpu(R11, currentTask).store(R10, 16, R11);
        code.moveInt(R11, Recorder.INDIRECT);
        slots.emitCommit(code);
        code.pop(R11).pop(R10).pop(RAX).ret();
        for (int number = 0; number < thunks.size(); number++) {
            emitCheck(code, number, known);
        }
    }

    private void emitCheck(Assembler code, int number, long base) {
        Register target = thunks.get(number).register();
        Register index = target == RAX ? RDX : RAX;
        Register words = target == RCX ? RDX : RCX;
        code.align(ALIGNMENT).label("check" + number).push(index).push(words).move(words, base);
        emitPlace(code, index, target);
        code.label("look" + number).compareWord(words, index, target).jump(Condition.NOT_EQUAL, "other" + number);
        code.label("through" + number).pop(words).pop(index);
        for (byte octet : thunks.get(number).body()) {
            code.bytes(octet);
        }
        code.label("other" + number).compareWord(words, index, 0).jump(Condition.EQUAL, "unknown" + number);
        code.addInt(index, 1).andInt(index, (1 << known.wordsLog2()) - 1).jump("look" + number);
        code.label("unknown" + number);
        emitPlace(code, index, target);
        code.addInt(index, 1 << known.wordsLog2()).compareWord(words, index, target);
        code.jump(Condition.EQUAL, "through" + number).storeWord(words, index, target);
        code.push(target).call(code.address("record")).pop(index).jump("through" + number);
    }

    private void emitPlace(Assembler code, Register index, Register target) {
        code.multiplyInt(index, target, KnownEntries.FACTOR).shiftRight(index, Integer.SIZE - known.wordsLog2());
    }
}
