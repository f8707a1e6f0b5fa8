package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R12;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RBX;
import static dev.plumbline.x86.Register.RDI;
import static dev.plumbline.x86.Register.RSI;

import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;

/// Memory that the guest's own page allocator gave us, and takes back.
final class GuestAllocation {
    /// `GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN` (`include/linux/gfp_types.h`, the same bits since 4.13).
    static final int MAY_SLEEP = 0xcc0 | 0x100 | 0x2000;

    /// `__GFP_HIGH | __GFP_KSWAPD_RECLAIM | __GFP_ZERO | __GFP_NOWARN`: for interrupts.
    static final int MAY_NOT_SLEEP = 0x20 | 0x800 | 0x100 | 0x2000;

    private static final int END = 0xff;

    private GuestAllocation() {}

    /// Emits the allocation of one block for each order, of which the last is the largest there is. A block's first
    /// word is made to point to the block before, so that the last one, the result, leads to all; the mark and the
    /// order are written where [Loan] looks for them.
    static void emitAllocation(Assembler code, long allocator, int[] orders, int flags, long mark) {
        code.jump("start").label("orders").bytes(orders).bytes(END).label("start");
        code.address(R12, "orders");
        code.label("next").loadByte(RSI, R12, 0).compareInt(RSI, END).jump(Condition.EQUAL, "finished");
        code.add(R12, 1).moveInt(RDI, flags).call(allocator);
        code.test(RAX).jump(Condition.EQUAL, "finished");
        code.store(RAX, Loan.PREVIOUS_AT, RBX).move(RBX, RAX);
        code.loadByte(RSI, R12, -1).store(RAX, Loan.ORDER_AT, RSI);
        code.move(RSI, mark).store(RAX, Loan.MARK_AT, RSI).jump("next");
        code.label("finished");
    }

    /// Emits the allocation of [Counters] behind that of the blocks. Their pointer is made the second word of the last
    /// block.
    static void emitCounters(Assembler code, long allocator, boolean hasReservedArgument, int flags) {
        code.test(RBX).jump(Condition.EQUAL, "nowhere");
        Counters.emitAllocation(code, allocator, hasReservedArgument, flags);
        code.store(RBX, Loan.COUNTERS_AT, RAX).label("nowhere");
    }
}
