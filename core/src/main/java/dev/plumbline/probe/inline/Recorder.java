package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R10;
import static dev.plumbline.x86.Assembler.Register.R11;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RDX;
import static dev.plumbline.x86.Assembler.Register.RSP;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.x86.Assembler;

/// The code that a probed function calls first. It is called from where the function tracer's call would stand, so
/// r10, r11 and the flags are free; everything else is as the function's caller left it.
///
/// A slot of a ring has four 64-bit words:
/// ```
/// 0  lap number << 32 | low half of the address behind the site's call; written last, so it commits the slot
/// 1  the function's return address
/// 2  the current task
/// 3  where the return address stands on the stack
/// ```
/// A reading of the time stamp counter takes a slot of its own before the call's, with a low half of 0 and the
/// reading as word 1. It is taken where tasks are switched, which is enough to order what a task did on different
/// CPUs.
///
/// The low half tells a site because all kernel and module text lies in one 2 GiB window. The lap number is the
/// index of the event divided by the number of slots; the index starts at one lap, so that a zeroed ring holds no
/// event. Reserving a slot is one locked addition: interrupts, NMIs and tasks that are moved to another CPU between
/// reading the CPU's number and this get slots of their own.
final class Recorder {
    static final int SLOT_BYTES_LOG2 = 5;
    /// Distance of the CPUs' counters, a cache line each.
    static final int COUNTER_BYTES_LOG2 = 6;

    private Recorder() {}

    /// Emits the recorder and its table of rings.
    ///
    /// @param code where to; the labels `recorder` and `timed` will be its entries
    /// @param places where the kernel keeps the CPU's number and task
    /// @param rings virtual addresses of the rings, by CPU number
    /// @param counters virtual address of the counters
    /// @param slotsLog2 binary logarithm of the number of slots of a ring
    static void emit(Assembler code, PerCpuPlaces places, long[] rings, long counters, int slotsLog2) {
        code.align(64).label("timed").push(RAX).push(RDX);
        code.readTimeStampCounter().shiftLeft(RDX, 32).or(RDX, RAX);
        emitReservation(code, places, counters, slotsLog2);
        code.store(R11, 8, RDX);
        code.shiftRight(RAX, slotsLog2).shiftLeft(RAX, 32).store(R11, 0, RAX);
        code.pop(RDX).pop(RAX);
        code.label("recorder").push(RAX);
        emitReservation(code, places, counters, slotsLog2);
        code.load(R10, RSP, 16).store(R11, 8, R10);
        code.loadPerCpu(R10, places.currentTask()).store(R11, 16, R10);
        code.address(R10, RSP, 16).store(R11, 24, R10);
        code.shiftRight(RAX, slotsLog2).shiftLeft(RAX, 32);
        code.loadInt(R10, RSP, 8).or(RAX, R10).store(R11, 0, RAX);
        code.pop(RAX).ret();
        code.align(64).label("rings");
        for (long ring : rings) {
            code.word(ring);
        }
    }

    // Leaves the slot's address in r11 and its index in rax.
    private static void emitReservation(Assembler code, PerCpuPlaces places, long counters, int slotsLog2) {
        code.loadPerCpuInt(RAX, places.cpuNumber());
        code.move(R10, RAX)
                .shiftLeft(R10, COUNTER_BYTES_LOG2)
                .move(R11, counters)
                .add(R10, R11);
        code.moveInt(R11, 1).exchangeAdd(R10, 0, R11);
        code.address(R10, "rings").loadWord(R10, R10, RAX);
        code.move(RAX, R11);
        code.andInt(R11, (1 << slotsLog2) - 1).shiftLeft(R11, SLOT_BYTES_LOG2).add(R11, R10);
    }
}
