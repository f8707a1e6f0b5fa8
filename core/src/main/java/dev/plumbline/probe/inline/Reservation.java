package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.RAX;

import dev.plumbline.x86.Assembler;
import java.util.Optional;

/// How code of ours takes a slot of its CPU's ring, and hands it to the reader.
///
/// @param counters the CPUs' counters
/// @param rings virtual address of the table of rings, by CPU number
/// @param ringBytesLog2 binary logarithm of a ring's length
/// @param limits how far may be written, in lossless mode
record Reservation(Counters counters, long rings, int ringBytesLog2, Optional<RingLimits> limits) {

    /// Emits the taking: leaves the slot's address in r10 and its place in the course, below the CPU's number, in rax;
    /// overwrites r11.
    ///
    /// @param name makes labels unique
    void emit(Assembler code, String name) {
        code.moveInt(RAX, 1 << Recorder.SLOT_BYTES_LOG2);
        counters.emitReservation(code, RAX, R10);
        limits.ifPresent(each -> each.emitWait(code, name));
        code.move(R11, RAX).shiftRight(R11, Counters.CPU_SHIFT);
        code.moveInt(R10, RAX).andInt(R10, (1 << ringBytesLog2) - 1);
        code.addWord(R10, R11, rings);
    }

    /// Emits the handing over, with the slot's low half from r11.
    void emitCommit(Assembler code) {
        code.storeInt(R10, 0, R11);
        code.storeInt(R10, 4, RAX);
    }
}
