package dev.plumbline.probe.inline;

import dev.plumbline.kernel.PerCpu;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Register;

/// A counter for each CPU that may ever run: how many bytes of its ring were ever reserved, counted from one lap on,
/// with the CPU's number above. It lies in memory that the guest's per-CPU allocator lent, so that one instruction
/// relative to gs takes the next slot and says whose it is.
///
/// @param pointer distance of the counter from each CPU's gs base
record Counters(long pointer) {
    static final int CPU_SHIFT = 54;
    static final int MOST_CPUS = 1 << 64 - CPU_SHIFT;
    /// Where a CPU's data say that it waits for the reader no longer, a byte. [Loan] has what is before.
    static final int GAVE_UP_AT = 24;

    private static final long COURSE = (1L << CPU_SHIFT) - 1;
    /// A cache line for each.
    private static final int SIZE_BYTES = 64;

    /// Emits the allocation: the pointer comes into rax, 0 if memory ran out. The words are zero.
    ///
    /// @param hasReservedArgument whether the function is `pcpu_alloc_noprof`, which has a third argument
    static void emitAllocation(Assembler code, long allocator, boolean hasReservedArgument, int flags) {
        code.moveInt(Register.RDI, SIZE_BYTES).moveInt(Register.RSI, SIZE_BYTES);
        if (hasReservedArgument) {
            code.clear(Register.RDX).moveInt(Register.RCX, flags);
        } else {
            code.moveInt(Register.RDX, flags);
        }
        code.call(allocator);
    }

    /// Emits the addition of `amount` to this CPU's counter; what it was before comes into `amount`.
    ///
    /// @param spare may be overwritten
    void emitReservation(Assembler code, Register amount, Register spare) {
        if (pointer == (int) pointer) {
            code.exchangeAddPerCpu((int) pointer, amount);
        } else {
            code.move(spare, pointer).exchangeAddPerCpu(spare, amount);
        }
    }

    /// Where a CPU's counter is.
    PhysicalAddress place(GuestText text, PerCpu perCpu, int cpu) throws GuestException {
        return text.physical(perCpu.bases()[cpu] + pointer);
    }

    /// Sets the counters of all CPUs to one lap.
    void start(GuestText text, PerCpu perCpu, long ringBytes) throws GuestException {
        for (int cpu = 0; cpu < perCpu.bases().length; cpu++) {
            if (perCpu.possible()[cpu]) {
                long start = (long) cpu << CPU_SHIFT | ringBytes;
                text.writeData(
                        perCpu.bases()[cpu] + pointer,
                        new Assembler(0).word(start).assemble());
            }
        }
    }

    /// The place in the ring's course that a counter's word tells, in bytes.
    static long course(long word) {
        return word & COURSE;
    }
}
