package dev.plumbline.probe.inline;

import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.probe.ProbeJournal.Site;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Register;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/// Looks at where calls through pointers lead: each [IndirectThunk] becomes a jump to [CheckingCode], which looks the
/// target up among the [KnownEntries], the functions with probes, and records it if it is none of them. Where the
/// kernel does without retpolines its calls do not come through thunks, and each of the [PlainSites] leads to that
/// code.
///
/// The block that the guest lent for it holds two tables of the same size. In the second, which is written by the
/// guest, each target that was recorded has one place, which it holds until another takes it: what is called again
/// and again is recorded once, and once more whenever two alternate at one place.
final class IndirectChecks {
    /// What it takes of our code.
    static final int BYTES = 8192;

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
    private final PlainSites plain;
    private final KnownEntries known;
    private PhysicalAddress table;

    private IndirectChecks(GuestText text, IndirectThunk.All thunks, PlainSites plain, int siteCount) {
        this.text = text;
        this.thunks = thunks.changeable();
        this.otherCount = thunks.otherCount();
        this.plain = plain;
        this.known = new KnownEntries(siteCount);
    }

    /// Checks that are not in place yet.
    ///
    /// @param siteCount about how many probes there will be
    /// @param indirect indirect sites of the kernel's code, ascending; those without a thunk are checked too
    /// @throws GuestException if the guest cannot be read
    static IndirectChecks of(LinuxKernel kernel, GuestText text, int siteCount, List<IndirectSite> indirect)
            throws GuestException {
        var plain = new PlainSites(kernel, text, new PlainSiteSearch(kernel, text).among(indirect));
        return new IndirectChecks(text, IndirectThunk.find(text, kernel.coreSymbols()), plain, siteCount);
    }

    /// No checks.
    static IndirectChecks none(LinuxKernel kernel, GuestText text) {
        var plain = new PlainSites(kernel, text, new PlainSiteSearch.Found(List.of(), 0));
        return new IndirectChecks(text, new IndirectThunk.All(List.of(), 0), plain, 0);
    }

    /// The places that are changed for it.
    List<Code> codes() {
        return Stream.concat(thunks.stream().map(IndirectThunk::entry), plain.codes().stream())
                .toList();
    }

    /// How many thunks are checked.
    int thunkCount() {
        return thunks.size();
    }

    /// How many thunks are of a kind that is left as it is.
    int otherCount() {
        return otherCount;
    }

    /// The sites without a thunk.
    PlainSites plain() {
        return plain;
    }

    /// The orders of the blocks it needs.
    int[] orders() {
        int order = known.wordsLog2() + 1 + WORD_BYTES_LOG2 - PAGE_BYTES_LOG2;
        return codes().isEmpty() ? new int[0] : new int[] {order};
    }

    /// Fills the table and sets the checks.
    ///
    /// @param lent the block of that order, all zero
    /// @param address where the code goes
    /// @param slots how an event is recorded
    /// @param currentTask where the current task is, from gs
    void start(Block lent, List<Site> sites, long address, Reservation slots, int currentTask) throws GuestException {
        table = text.physical(lent.address());
        CheckingCode code = new CheckingCode(address, known.wordsLog2(), lent.address());
        code.emitRecord(slots, currentTask);
        List<CodePatch> jumps = new ArrayList<>();
        for (IndirectThunk thunk : thunks) {
            long check = code.check(thunk.register(), thunk.body(), true);
            byte[] jump = new Assembler(thunk.entry().address()).jump(check).assemble();
            jumps.add(new CodePatch(thunk.entry().physical(), jump));
        }
        Map<Register, Long> checks = new EnumMap<>(Register.class);
        for (Register register : plain.registers()) {
            checks.put(register, code.check(register, IndirectThunk.jump(register), false));
        }
        text.writeCode(List.of(text.patch(address, code.assemble(BYTES))));
        known.hold(entries(sites), _ -> {});
        ByteBuffer words =
                ByteBuffer.allocate(1 << known.wordsLog2() + WORD_BYTES_LOG2).order(ByteOrder.LITTLE_ENDIAN);
        while (words.hasRemaining()) {
            words.putLong(known.word(words.position() >> WORD_BYTES_LOG2));
        }
        text.writeData(lent.address(), words.array());
        text.writeCode(jumps);
        plain.start(checks::get);
    }

    /// From now on the functions with probes are these.
    void know(List<Site> sites) throws GuestException {
        if (table == null) {
            return;
        }
        List<Word> changed = new ArrayList<>();
        known.hold(entries(sites), index -> changed.add(new Word(index, known.word(index))));
        for (Word word : changed) {
            byte[] bytes = new Assembler(0).word(word.value()).assemble();
            text.writePhysical(table.plus((long) word.index() << WORD_BYTES_LOG2), bytes);
        }
        // What was recorded was code of before: another module may have come to the place of one that has gone.
        long tableBytes = 1L << known.wordsLog2() + WORD_BYTES_LOG2;
        text.writePhysical(table.plus(tableBytes), new byte[(int) tableBytes]);
    }

    private record Word(int index, long value) {}

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
}
