package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R10;
import static dev.plumbline.x86.Assembler.Register.R11;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RDX;
import static dev.plumbline.x86.Assembler.Register.RSP;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.x86.Assembler;

/// The code that a probed function calls first. It is called from where the function tracer's call would stand, so
/// rax, r10, r11 and the flags are free; everything else is as the function's caller left it. (No caller counts on rax:
/// the kernel's own trampolines for BPF programs at this place do not save it either, `arch_prepare_bpf_trampoline`
/// since 5.5.)
///
/// A slot of a ring has four 64-bit words:
/// ```
/// 0  lap number << 32 | low half of the address behind the site's call; the lap is written last, so it commits the
///    slot
/// 1  the function's return address
/// 2  the current task
/// 3  where the site's return address stands on the stack: 8 below the function's
/// ```
/// A reading of the time stamp counter takes a slot of its own before the call's, with a low half of 0 and the
/// reading as word 1. It is taken where tasks are switched, which is enough to order what a task did on different
/// CPUs.
///
/// A call to a function that is not in the table of [IndirectChecks] takes a slot with a low half of 1, the address
/// that
/// the called code was to return to as word 1, and the target as word 3.
///
/// The low half tells a site because all kernel and module text lies in one 2 GiB window. The lap number is the
/// place in the ring's endless course divided by the ring's length; the course starts at one lap, so that a zeroed
/// ring holds no event. Reserving a slot is one addition to the [Counters] of this CPU that also says which CPU that
/// is: interrupts and NMIs, and tasks that are moved to another CPU between any two instructions, get slots of their
/// own.
final class Recorder {
    static final int SLOT_BYTES_LOG2 = 5;

    /// The low half of a slot that tells of an indirect call.
    static final int INDIRECT = 1;

    /// From the word that stands in the slot to where the function's return address stands.
    static final int FRAME_BYTES = 8;

    private final Assembler code;
    private final PerCpuPlaces places;
    private final Counters counters;
    private final int ringBytesLog2;

    private Recorder(Assembler code, PerCpuPlaces places, Counters counters, int ringBytesLog2) {
        this.code = code;
        this.places = places;
        this.counters = counters;
        this.ringBytesLog2 = ringBytesLog2;
    }

    /// Emits the recorder and its table of rings.
    ///
    /// @param code where to; the labels `recorder` and `timed` will be its entries
    /// @param places where the kernel keeps the current task
    /// @param rings virtual addresses of the rings, by CPU number
    /// @param ringBytesLog2 binary logarithm of a ring's length
    static void emit(Assembler code, PerCpuPlaces places, long[] rings, Counters counters, int ringBytesLog2) {
        code.align(64).label("rings");
        for (long ring : rings) {
            code.word(ring);
        }
        new Recorder(code, places, counters, ringBytesLog2).emit();
    }

    private void emit() {
        code.align(64).label("timed").push(RDX).readTimeStampCounter();
        code.shiftLeft(RDX, 32).or(RDX, RAX);
        reserve();
        code.store(R10, 8, RDX).pop(RDX);
        code.clear(R11);
        commit();
        code.label("recorder");
        reserve();
        code.load(R11, RSP, 8).store(R10, 8, R11);
        code.loadPerCpu(R11, places.currentTask()).store(R10, 16, R11);
        code.store(R10, 24, RSP);
        code.loadInt(R11, RSP, 0);
        commit();
        code.ret();
    }

    private void reserve() {
        emitReservation(code, counters, code.address("rings"), ringBytesLog2);
    }

    private void commit() {
        emitCommit(code, ringBytesLog2);
    }

    /// Leaves the slot's address in r10 and its place in the course, below the CPU's number, in rax.
    ///
    /// @param rings where the table of rings is
    static void emitReservation(Assembler code, Counters counters, long rings, int ringBytesLog2) {
        code.moveInt(RAX, 1 << SLOT_BYTES_LOG2);
        counters.emitReservation(code, RAX, R10);
        code.move(R11, RAX).shiftRight(R11, Counters.CPU_SHIFT);
        code.moveInt(R10, RAX).andInt(R10, (1 << ringBytesLog2) - 1);
        code.addWord(R10, R11, rings);
    }

    /// Takes the slot's low half from r11.
    static void emitCommit(Assembler code, int ringBytesLog2) {
        code.storeInt(R10, 0, R11);
        code.shiftRight(RAX, ringBytesLog2).storeInt(R10, 4, RAX);
    }
}
