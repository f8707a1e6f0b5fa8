package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSP;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.x86.Assembler;
import java.util.Optional;

/// The code that a probed function calls first. It is called from where the function tracer's call would stand, so
/// rax, r10, r11 and the flags are free; everything else is as the function's caller left it. (No caller counts on rax:
/// the kernel's own trampolines for BPF programs at this place do not save it either, `arch_prepare_bpf_trampoline`
/// since 5.5.)
///
/// A slot of a ring has four 64-bit words:
/// ```
/// 0  the slot's place << 32 | low half of the address behind the site's call; the place is written last, so it commits
///    the slot
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
/// The low half tells a site because all kernel and module text lies in one 2 GiB window. The place is
/// that in the ring's endless course, in bytes, its low half; the course starts at one lap, so that a zeroed ring holds
/// no event. Reserving a slot is one addition to the [Counters] of this CPU that also says which CPU that
/// is: interrupts and NMIs, and tasks that are moved to another CPU between any two instructions, get slots of their
/// own.
final class Recorder {
    static final int SLOT_BYTES_LOG2 = 5;

    /// The low half of a slot that tells of an indirect call.
    static final int INDIRECT = 1;

    /// From the word that stands in the slot to where the function's return address stands.
    static final int FRAME_BYTES = 8;

    /// Where in a slot the low 16 bits stand of what stands for the system call in edge mode: the upper end of the
    /// task's address, which is all ones in every address of the kernel.
    static final int SYSTEM_CALL_AT = 22;

    private final Assembler code;
    private final PerCpuPlaces places;
    private final Counters counters;
    private final int ringBytesLog2;
    private final Optional<EdgeTable> edges;
    private final Optional<RingLimits> limits;

    /// @param code where to
    /// @param places where the kernel keeps the current task
    /// @param ringBytesLog2 binary logarithm of a ring's length
    /// @param edges what is known, in edge mode
    /// @param limits how far may be written, in lossless mode
    Recorder(
            Assembler code,
            PerCpuPlaces places,
            Counters counters,
            int ringBytesLog2,
            Optional<EdgeTable> edges,
            Optional<RingLimits> limits) {
        this.code = code;
        this.places = places;
        this.counters = counters;
        this.ringBytesLog2 = ringBytesLog2;
        this.edges = edges;
        this.limits = limits;
    }

    /// Emits the table of rings and the recorder, whose entries are the labels `recorder` and `timed`.
    ///
    /// @param rings virtual addresses of the rings, by CPU number
    /// @return how slots are taken
    Reservation emit(long[] rings) {
        code.align(64).label("rings");
        for (long ring : rings) {
            code.word(ring);
        }
        Reservation slots = new Reservation(counters, code.address("rings"), ringBytesLog2, limits);
        code.align(64).label("timed");
        if (edges.isEmpty()) {
            emitReading(slots);
        }
        code.label("recorder");
        edges.ifPresent(table -> table.emitQuestion(code, places));
        slots.emit(code, "reserved");
        code.load(R11, RSP, 8).store(R10, 8, R11);
        code.loadPerCpu(R11, places.currentTask()).store(R10, 16, R11);
        code.store(R10, 24, RSP);
        if (edges.isPresent()) {
            code.push(RAX);
            EdgeTable.emitSystemCall(code, places, "told");
            code.pop(RAX).storeShort(R10, SYSTEM_CALL_AT, R11);
        }
        code.loadInt(R11, RSP, 0);
        slots.emitCommit(code);
        code.label("seen").ret();
        return slots;
    }

    private void emitReading(Reservation slots) {
        code.push(RDX).readTimeStampCounter();
        code.shiftLeft(RDX, 32).or(RDX, RAX);
        slots.emit(code, "reserved for a reading");
        code.store(R10, 8, RDX).pop(RDX);
        code.clear(R11);
        slots.emitCommit(code);
    }
}
