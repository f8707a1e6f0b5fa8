package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RDI;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSI;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PerCpu;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.ProbeJournal.PerCpuData;
import dev.plumbline.x86.Assembler;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The memory that the guest has lent, known for sure whenever the run that borrowed it was killed: while memory
/// changes hands it bears the mark that the journal names.
///
/// - The guest's code that borrows marks each block; a block that bears the mark though the journal lists none was
///   lent to a run that was killed before it could write that down.
/// - Before memory is returned the mark is written into all of it and the journal says so; the guest's code that
///   returns a piece takes the mark off first. A piece without it is ours no more.
final class Loan {
    /// Where in a block the words stand that tell of it, by [GuestAllocation].
    static final int PREVIOUS_AT = 0;

    static final int COUNTERS_AT = 8;
    static final int MARK_AT = 16;
    static final int ORDER_AT = 24;
    private static final int HEAD_BYTES = 32;
    private static final int LARGEST_ORDER = 10;
    private static final long LARGEST_BYTES = 4096L << LARGEST_ORDER;
    private static final int MOST_BLOCKS = 2 * Counters.MOST_CPUS;

    // In the per-CPU data of the first CPU, behind its counter.
    private static final int TICKETS_IN_PER_CPU_AT = 8;
    private static final int MARK_IN_PER_CPU_AT = 16;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final Changes changes;
    private final long firstCpuBase;

    private Loan(LinuxKernel kernel, GuestText text, Changes changes) throws GuestException {
        this.kernel = kernel;
        this.text = text;
        this.changes = changes;
        this.firstCpuBase = firstCpuBase(kernel);
    }

    private static long firstCpuBase(LinuxKernel kernel) throws GuestException {
        PerCpu perCpu = kernel.perCpu();
        for (int cpu = 0; cpu < perCpu.bases().length; cpu++) {
            if (perCpu.possible()[cpu]) {
                return perCpu.bases()[cpu];
            }
        }
        throw new GuestException("the kernel of " + kernel.machine().name() + " says that it can have no CPU");
    }

    /// What is lent now. No code of ours may be running that borrows or returns.
    static Loan of(LinuxKernel kernel, GuestText text, Changes changes) throws GuestException {
        Loan written = new Loan(kernel, text, changes);
        if (changes.returning()) {
            return written.stillMarked();
        }
        return changes.blocks().isEmpty() ? written.found() : written;
    }

    boolean isEmpty() {
        return changes.blocks().isEmpty() && changes.perCpu().isEmpty();
    }

    Changes asReturning() {
        return changes.asReturning();
    }

    /// Writes the mark into all of it.
    void mark() throws GuestException {
        byte[] mark = new Assembler(0).word(changes.mark()).assemble();
        for (long place : places()) {
            text.writeData(place, mark);
        }
    }

    private List<Long> places() {
        List<Long> places = new ArrayList<>();
        changes.blocks().forEach(block -> places.add(block.address() + MARK_AT));
        changes.perCpu().forEach(data -> places.add(place(data)));
        return places;
    }

    private long place(PerCpuData data) {
        return firstCpuBase + data.pointer() + MARK_IN_PER_CPU_AT;
    }

    /// A word of lent memory, 0 at first, that the gate may count tickets in.
    static long ticketsAddress(LinuxKernel kernel, Changes changes) throws GuestException {
        return firstCpuBase(kernel) + changes.perCpu().getFirst().pointer() + TICKETS_IN_PER_CPU_AT;
    }

    /// Emits the return of all of it.
    void emitReturn(Assembler code, long pageFreer, long perCpuFreer) {
        for (Block block : changes.blocks()) {
            emitUnmarking(code, block.address() + MARK_AT);
            code.move(RDI, block.address()).moveInt(RSI, block.order()).call(pageFreer);
        }
        for (PerCpuData data : changes.perCpu()) {
            emitUnmarking(code, place(data));
            code.move(RDI, data.pointer()).call(perCpuFreer);
        }
    }

    private static void emitUnmarking(Assembler code, long place) {
        code.move(RAX, place).clear(RDX).store(RAX, 0, RDX);
    }

    private Loan stillMarked() throws GuestException {
        List<Block> blocks = new ArrayList<>();
        for (Block block : changes.blocks()) {
            if (isMarked(block.address() + MARK_AT)) {
                blocks.add(block);
            }
        }
        List<PerCpuData> perCpu = new ArrayList<>();
        for (PerCpuData data : changes.perCpu()) {
            if (isMarked(place(data))) {
                perCpu.add(data);
            }
        }
        return new Loan(kernel, text, changes.withLent(blocks, perCpu));
    }

    private boolean isMarked(long place) throws GuestException {
        try {
            return text.readLong(place) == changes.mark();
        } catch (UnreadableMemoryException _) {
            // It was returned, and the kernel has unmapped it.
            return false;
        }
    }

    // Blocks of the largest order stand on multiples of their size, and the last of a chain is one of them.
    private Loan found() throws GuestException {
        Set<Long> found = new HashSet<>();
        Set<Long> previous = new HashSet<>();
        long directMap = kernel.directMapBase();
        for (MemoryRange range : kernel.machine().memory().ranges()) {
            long first = range.start().value() + LARGEST_BYTES - 1 & -LARGEST_BYTES;
            for (long at = first;
                    at + LARGEST_BYTES <= range.start().value() + range.sizeBytes();
                    at += LARGEST_BYTES) {
                ByteBuffer head = ByteBuffer.wrap(text.readPhysical(new PhysicalAddress(at), HEAD_BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN);
                if (head.getLong(MARK_AT) == changes.mark()) {
                    found.add(directMap + at);
                    previous.add(head.getLong(PREVIOUS_AT));
                }
            }
        }
        found.removeAll(previous);
        return found.size() == 1 ? lent(kernel, text, changes, found.iterator().next()) : this;
    }

    /// Follows the chain of blocks that were lent just now.
    ///
    /// @param last virtual address of the last block; 0 if there is none
    /// @throws GuestException if the chain is not one that the allocation makes
    static Loan lent(LinuxKernel kernel, GuestText text, Changes changes, long last) throws GuestException {
        List<Block> blocks = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        for (long block = last; block != 0; ) {
            boolean isNew = (block & 4095) == 0 && blocks.size() < MOST_BLOCKS && seen.add(block);
            long order = isNew ? text.readLong(block + ORDER_AT) : -1;
            if (order < 0 || order > LARGEST_ORDER || text.readLong(block + MARK_AT) != changes.mark()) {
                throw new GuestException(
                        "the guest's allocator gave a block at 0x%x, which cannot be".formatted(block));
            }
            blocks.addFirst(new Block(block, (int) order));
            block = text.readLong(block + PREVIOUS_AT);
        }
        long counters = last == 0 ? 0 : text.readLong(last + COUNTERS_AT);
        List<PerCpuData> perCpu = counters == 0 ? List.of() : List.of(new PerCpuData(counters));
        return new Loan(kernel, text, changes.withLent(blocks, perCpu));
    }

    /// What is lent, as the journal is to say it.
    Changes changes() {
        return changes;
    }

    /// Makes the heads of lent blocks zero, as the rest is; once the journal lists them.
    static void clear(GuestText text, List<Block> blocks) throws GuestException {
        for (Block block : blocks) {
            text.writeData(block.address(), new byte[HEAD_BYTES]);
        }
    }
}
