package dev.plumbline.machine.dump;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;

/// The note "QEMU" of a dump: one vCPU's state (`QEMUCPUState` in QEMU's target/i386/arch_dump.c, version 1).
///
/// | at | what |
/// | --- | --- |
/// | 0 | u32 version, u32 size |
/// | 8 | u64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, rip, rflags |
/// | 152 | cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt: each u32 selector, limit, flags, padding, and u64 base |
/// | 392 | u64 cr0 to cr4 |
/// | 432 | u64 base of GS that `swapgs` would bring; since QEMU 3.0 |
final class QemuCpuState {
    private static final int VERSION = 1;
    private static final int SIZE_BYTES = 432;
    private static final int GENERAL = 8;
    private static final int RIP = GENERAL + 16 * 8;
    private static final int RFLAGS = RIP + 8;
    private static final int SEGMENTS = RFLAGS + 8;
    private static final int SEGMENT_BYTES = 24;
    private static final int SEGMENT_BASE = 16;
    private static final int CONTROL = SEGMENTS + 10 * SEGMENT_BYTES;
    private static final int CS = 0;
    private static final int FS = 3;
    private static final int GS = 4;
    private static final int GDT = 8;
    private static final int IDT = 9;

    /// Where rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15 stand among the sixteen.
    private static final int[] ORDER = {0, 2, 3, 1, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

    private QemuCpuState() {}

    /// @param state the note's content
    /// @throws GuestException if it is of another version, or too short
    static VcpuRegisters registers(MemorySegment state, DumpFile file) throws GuestException {
        if (state.byteSize() < SIZE_BYTES || state.get(JAVA_INT_UNALIGNED, 0) != VERSION) {
            throw file.damaged("a QEMU note is not of version " + VERSION + " and at least " + SIZE_BYTES + " bytes");
        }
        long[] general = new long[ORDER.length];
        for (int i = 0; i < general.length; i++) {
            general[i] = state.get(JAVA_LONG_UNALIGNED, GENERAL + 8L * ORDER[i]);
        }
        return new VcpuRegisters(
                general,
                state.get(JAVA_LONG_UNALIGNED, RIP),
                state.get(JAVA_LONG_UNALIGNED, RFLAGS),
                state.get(JAVA_INT_UNALIGNED, SEGMENTS + CS * SEGMENT_BYTES) & 3,
                base(state, FS),
                base(state, GS),
                control(state, 0),
                control(state, 2),
                control(state, 3),
                control(state, 4),
                base(state, GDT),
                base(state, IDT));
    }

    private static long base(MemorySegment state, int segment) {
        return state.get(JAVA_LONG_UNALIGNED, SEGMENTS + (long) segment * SEGMENT_BYTES + SEGMENT_BASE);
    }

    private static long control(MemorySegment state, int number) {
        return state.get(JAVA_LONG_UNALIGNED, CONTROL + 8L * number);
    }
}
