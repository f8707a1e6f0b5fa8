package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R12;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RBX;
import static dev.plumbline.x86.Assembler.Register.RDI;
import static dev.plumbline.x86.Assembler.Register.RSI;

import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.PerCpuData;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Assembler.Condition;
import java.util.ArrayList;
import java.util.List;

/// Memory that the guest's own page allocator gave us, and takes back.
final class GuestAllocation {
    /// `GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN` (`include/linux/gfp_types.h`, the same bits since 4.13).
    static final int MAY_SLEEP = 0xcc0 | 0x100 | 0x2000;

    /// `__GFP_HIGH | __GFP_KSWAPD_RECLAIM | __GFP_ZERO | __GFP_NOWARN`: for interrupts.
    static final int MAY_NOT_SLEEP = 0x20 | 0x800 | 0x100 | 0x2000;

    private static final int END = 0xff;

    private GuestAllocation() {}

    /// Emits the allocation of one block for each order. Each block's first word is made to point to the block
    /// before, so that the last one, the result, leads to all.
    static void emitAllocation(Assembler code, long allocator, int[] orders, int flags) {
        code.jump("start").label("orders").bytes(orders).bytes(END).label("start");
        code.address(R12, "orders");
        code.label("next").loadByte(RSI, R12, 0).compareInt(RSI, END).jump(Condition.EQUAL, "finished");
        code.add(R12, 1).moveInt(RDI, flags).call(allocator);
        code.test(RAX).jump(Condition.EQUAL, "finished");
        code.store(RAX, 0, RBX).move(RBX, RAX).jump("next");
        code.label("finished");
    }

    /// Emits the allocation of [Counters] behind that of the blocks. Their pointer is made the second word of the last
    /// block.
    static void emitCounters(Assembler code, long allocator, boolean hasReservedArgument, int flags) {
        code.test(RBX).jump(Condition.EQUAL, "nowhere");
        Counters.emitAllocation(code, allocator, hasReservedArgument, flags);
        code.store(RBX, 8, RAX).label("nowhere");
    }

    /// Emits the giving back of blocks.
    static void emitFreeing(Assembler code, long freer, List<Block> blocks) {
        for (Block block : blocks) {
            code.move(RDI, block.address()).moveInt(RSI, block.order()).call(freer);
        }
    }

    /// Emits the giving back of per-CPU data.
    static void emitFreeingPerCpu(Assembler code, long freer, List<PerCpuData> perCpu) {
        for (PerCpuData data : perCpu) {
            code.move(RDI, data.pointer()).call(freer);
        }
    }

    /// Takes the pointer of [Counters] out of the last block.
    ///
    /// @return none if memory ran out
    static List<PerCpuData> counters(GuestText text, long last) throws GuestException {
        if (last == 0) {
            return List.of();
        }
        long pointer = text.readLong(last + 8);
        text.writeData(last + 8, new byte[8]);
        return pointer == 0 ? List.of() : List.of(new PerCpuData(pointer));
    }

    /// Follows the chain from the last block, and clears the links.
    ///
    /// @param orders as they were asked for
    /// @return the blocks in the order of allocation; fewer than asked for if memory ran out
    /// @throws GuestException if the chain is not one that the allocation makes
    static List<Block> chain(GuestText text, long last, int[] orders) throws GuestException {
        List<Long> addresses = new ArrayList<>();
        for (long block = last; block != 0; ) {
            if ((block & 4095) != 0 || addresses.size() == orders.length || addresses.contains(block)) {
                throw new GuestException(
                        "the guest's allocator gave a block at 0x%x, which cannot be".formatted(block));
            }
            addresses.addFirst(block);
            long before = text.readLong(block);
            text.writeData(block, new byte[8]);
            block = before;
        }
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < addresses.size(); i++) {
            blocks.add(new Block(addresses.get(i), orders[i]));
        }
        return blocks;
    }
}
