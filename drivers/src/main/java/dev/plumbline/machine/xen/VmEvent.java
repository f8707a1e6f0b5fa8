package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuState;
import java.lang.foreign.MemorySegment;

/// What a vCPU has come to that waits for an answer, and the answers to it (`struct vm_event_st`, public/vm_event.h,
/// interface version 7, 400 bytes): u32@0 version, u32@4 flags, u32@8 reason, u32@12 vCPU; of a breakpoint u64@24 the
/// frame's number; u64@56 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15, rflags; u64@208 rip, u64@232 cr3, cr4,
/// u64@344 base of gs; u32@356 attributes of ss from bit 20 on, with the privilege level in their bits 5 and 6. In an
/// answer that has an instruction emulated its bytes take the place of the registers.
final class VmEvent {
    static final int SIZE_BYTES = 400;
    static final int VERSION = 7;
    static final int REASON_BREAKPOINT = 6;

    /// In a request: the vCPU stands still. In an answer: it is to run on.
    static final int VCPU_PAUSED = 1;
    static final int EMULATE = 1 << 2;
    static final int SET_REGISTERS = 1 << 8;
    static final int SET_INSTRUCTION = 1 << 9;

    /// The longest instruction that an answer can hold.
    static final int INSTRUCTION_BYTES = 16;

    private static final int FLAGS = 4;
    private static final int REASON = 8;
    private static final int VCPU = 12;
    private static final int FRAME = 24;
    private static final int GENERAL = 56;
    private static final int GENERAL_COUNT = 16;
    private static final int RFLAGS = 184;
    private static final int RIP = 208;
    private static final int CR3 = 232;
    private static final int CR4 = 240;
    private static final int GS_BASE = 344;
    private static final int SS = 356;
    private static final int PRIVILEGE_SHIFT = 25;

    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_OFFSET = (1 << PAGE_SHIFT) - 1;

    private final MemorySegment bytes;

    private VmEvent(MemorySegment bytes) {
        this.bytes = bytes;
    }

    /// Copies it.
    static VmEvent of(MemorySegment entry) {
        return new VmEvent(
                MemorySegment.ofArray(new long[SIZE_BYTES / Long.BYTES]).copyFrom(entry));
    }

    /// An answer for a vCPU that waits for one to a request that nobody knows any more: to run on.
    static VmEvent unasked(int vcpu) {
        VmEvent answer = new VmEvent(MemorySegment.ofArray(new long[SIZE_BYTES / Long.BYTES]));
        answer.bytes.set(JAVA_INT, 0, VERSION);
        answer.bytes.set(JAVA_INT, FLAGS, VCPU_PAUSED);
        answer.bytes.set(JAVA_INT, VCPU, vcpu);
        return answer;
    }

    int version() {
        return bytes.get(JAVA_INT, 0);
    }

    int flags() {
        return bytes.get(JAVA_INT, FLAGS);
    }

    int vcpu() {
        return bytes.get(JAVA_INT, VCPU);
    }

    boolean isBreakpoint() {
        return bytes.get(JAVA_INT, REASON) == REASON_BREAKPOINT;
    }

    long rip() {
        return bytes.get(JAVA_LONG, RIP);
    }

    /// Where the int3 stands that the vCPU has come to.
    PhysicalAddress place() {
        return new PhysicalAddress(bytes.get(JAVA_LONG, FRAME) << PAGE_SHIFT | rip() & PAGE_OFFSET);
    }

    long cr3() {
        return bytes.get(JAVA_LONG, CR3);
    }

    long cr4() {
        return bytes.get(JAVA_LONG, CR4);
    }

    /// Where the vCPU stands.
    VcpuState state() {
        long[] general = new long[GENERAL_COUNT];
        MemorySegment.copy(bytes, JAVA_LONG, GENERAL, general, 0, GENERAL_COUNT);
        return new VcpuState(
                general,
                rip(),
                bytes.get(JAVA_LONG, RFLAGS),
                bytes.get(JAVA_LONG, GS_BASE),
                bytes.get(JAVA_INT, SS) >>> PRIVILEGE_SHIFT & 3);
    }

    /// The answer that lets the vCPU run on as it is.
    VmEvent runOn() {
        return answer(VCPU_PAUSED);
    }

    /// The answer that lets it run on in another state.
    VmEvent runOn(VcpuState state) {
        return with(VCPU_PAUSED | SET_REGISTERS, state);
    }

    /// The answer that puts it in another state, where it stays.
    VmEvent stay(VcpuState state) {
        return with(SET_REGISTERS, state);
    }

    /// The answer that lets it run on behind an instruction, which Xen runs in its place.
    ///
    /// @param instruction its bytes and any behind it, at most [#INSTRUCTION_BYTES]
    VmEvent runOnBehind(byte[] instruction) {
        VmEvent answer = answer(VCPU_PAUSED | EMULATE | SET_INSTRUCTION);
        answer.bytes.asSlice(GENERAL).fill((byte) 0);
        MemorySegment.copy(MemorySegment.ofArray(instruction), 0, answer.bytes, GENERAL, instruction.length);
        return answer;
    }

    private VmEvent with(int flags, VcpuState state) {
        VmEvent answer = answer(flags);
        MemorySegment.copy(state.general, 0, answer.bytes, JAVA_LONG, GENERAL, GENERAL_COUNT);
        answer.bytes.set(JAVA_LONG, RIP, state.rip);
        answer.bytes.set(JAVA_LONG, RFLAGS, state.rflags);
        return answer;
    }

    private VmEvent answer(int flags) {
        VmEvent answer = of(bytes);
        answer.bytes.set(JAVA_INT, FLAGS, flags);
        return answer;
    }

    /// Writes it to where Xen takes it from.
    void copyTo(MemorySegment entry) {
        entry.copyFrom(bytes);
    }
}
