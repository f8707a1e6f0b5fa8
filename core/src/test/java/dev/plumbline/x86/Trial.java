package dev.plumbline.x86;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import java.util.HexFormat;
import java.util.SortedMap;

/// An instruction to be run.
///
/// @param code what stands at rip, 15 bytes
/// @param before the state to run it in
record Trial(byte[] code, VcpuState before) {
    // CF, PF, AF, ZF, SF, DF, OF
    static final long FLAGS = 0xcd5;

    /// What became of it. A page fault, or another exception at a place in memory, ends it without a change.
    record Outcome(boolean executed, VcpuState after, SortedMap<Integer, Byte> changed) {
        Outcome {
            after.rflags &= FLAGS;
        }

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder(executed ? "executed" : "faulted");
            for (Register register : Register.values()) {
                text.append(' ').append(register).append(' ');
                text.append(Long.toHexString(after.general[register.ordinal()]));
            }
            text.append(" RIP ").append(Long.toHexString(after.rip));
            return text.append(" flags ").append(Long.toHexString(after.rflags)) + " memory " + changed;
        }
    }

    /// Whether the emulator takes it; memory that cannot be accessed counts as well.
    boolean isEmulated(byte[] page) {
        try {
            return InstructionEmulator.run(code, before.copy(), new DataPage(page));
        } catch (GuestException _) {
            return true;
        }
    }

    /// Runs it by the emulator, which has to take it.
    Outcome emulated(byte[] page) {
        VcpuState state = before.copy();
        DataPage memory = new DataPage(page);
        try {
            if (!InstructionEmulator.run(code, state, memory)) {
                throw new AssertionError(this + " is not emulated");
            }
            return new Outcome(true, state, memory.changed());
        } catch (GuestException _) {
            return new Outcome(false, state, memory.changed());
        }
    }

    @Override
    public String toString() {
        return HexFormat.of().formatHex(code);
    }
}
