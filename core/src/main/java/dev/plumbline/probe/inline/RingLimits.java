package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RCX;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSP;

import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;

/// How far each ring may be written in lossless mode: words beside the recorder, which the monitor host moves on as it
/// reads. They are compared with the words of [Counters], so the CPU's number stands above the place in the course.
///
/// A recorder that finds its ring full waits. Should the monitor host have died, it goes on after less than a second
/// and
/// leaves a sign beside the CPU's counter; as long as that stands nobody waits on this CPU.
///
/// @param address virtual address of the first CPU's word
/// @param counters the counters they limit
record RingLimits(long address, Counters counters) {
    /// Half a second at 2 GHz: the kernel's watchdog of clocks remarks on a second. Time stamp counters stand still or
    /// run on while a guest is paused, by hypervisor: at worst the wait ends early, and what is lost is counted.
    private static final long LONGEST_WAIT_TICKS = 1_000_000_000L;

    /// Emits the wait for room for the slot that rax names, as [Counters#emitReservation] leaves it; overwrites r11.
    ///
    /// @param name makes the labels unique
    void emitWait(Assembler code, String name) {
        code.move(R11, RAX).shiftRight(R11, Counters.CPU_SHIFT);
        code.compareWord(RAX, R11, address).jump(Condition.BELOW, name);
        code.move(R11, counters.pointer());
        code.comparePerCpuByte(R11, Counters.GAVE_UP_AT, 0).jump(Condition.NOT_EQUAL, name);
        code.push(RDX).push(RCX).push(RAX);
        emitNow(code);
        code.move(RCX, LONGEST_WAIT_TICKS).add(RCX, RDX);
        code.label(name + " full").pause().load(RAX, RSP, 0);
        code.move(RDX, RAX).shiftRight(RDX, Counters.CPU_SHIFT);
        code.compareWord(RAX, RDX, address).jump(Condition.BELOW, name + " room");
        emitNow(code);
        code.compare(RDX, RCX).jump(Condition.BELOW, name + " full");
        code.storePerCpuByte(R11, Counters.GAVE_UP_AT, 1);
        code.label(name + " room").pop(RAX).pop(RCX).pop(RDX);
        code.label(name);
    }

    private static void emitNow(Assembler code) {
        code.readTimeStampCounter().shiftLeft(RDX, 32).or(RDX, RAX);
    }

    /// Where a CPU's word is.
    long place(int cpu) {
        return address + 8L * cpu;
    }

    /// The word that lets a ring be written until the slot at `next` is met again.
    ///
    /// @param next index of the slot that will be read next
    static long word(int cpu, long next, int slotsLog2) {
        return (long) cpu << Counters.CPU_SHIFT | (next + (1L << slotsLog2)) << Recorder.SLOT_BYTES_LOG2;
    }
}
