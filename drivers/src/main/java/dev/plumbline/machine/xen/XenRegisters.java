package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Registers as Xen saves them (`struct hvm_hw_cpu`, public/arch-x86/hvm/save.h, 1032 bytes): after 512 bytes of FPU
/// state u64@512 rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8 to r15, rip, rflags, cr0, cr2, cr3, cr4; u64@832 base of
/// fs, gs; u64@872 of idt, gdt; u32@908 attributes of ss, with its privilege level in bits 5 and 6.
///
/// Xen stops the vCPU for a moment to read them. It has none of one that is down.
final class XenRegisters implements Registers {
    private static final int SIZE_BYTES = 1032;
    private static final int GENERAL = 512;
    /// Where rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15 stand among the sixteen.
    private static final int[] ORDER = {0, 2, 3, 1, 7, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    private static final int RIP = 640;
    private static final int RFLAGS = 648;
    private static final int CR0 = 656;
    private static final int CR2 = 664;
    private static final int CR3 = 672;
    private static final int CR4 = 680;
    private static final int FS_BASE = 832;
    private static final int GS_BASE = 840;
    private static final int IDT_BASE = 872;
    private static final int GDT_BASE = 880;
    private static final int SS_ATTRIBUTES = 908;
    private static final int PRIVILEGE_SHIFT = 5;

    private static final long INIT_RIP = 0xfff0;
    private static final long INIT_RFLAGS = 2;
    private static final long INIT_CR0 = 0x6000_0010;

    private final XenDomain domain;

    XenRegisters(XenDomain domain) {
        this.domain = domain;
    }

    @Override
    public int vcpuCount() {
        return domain.vcpuCount();
    }

    @Override
    public VcpuRegisters read(int vcpu) throws GuestException {
        Objects.checkIndex(vcpu, vcpuCount());
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment state = buffers.allocate(SIZE_BYTES, 16);
            try {
                return domain.control().context(domain.id(), vcpu, state) ? of(state) : down();
            } catch (GuestException e) {
                throw domain.explained(e);
            }
        }
    }

    /// Those of a processor that waits to be started (Intel SDM volume 3, state after INIT), as far as they tell where
    /// it is.
    static VcpuRegisters down() {
        return new VcpuRegisters(new long[ORDER.length], INIT_RIP, INIT_RFLAGS, 0, 0, 0, INIT_CR0, 0, 0, 0, 0, 0);
    }

    static VcpuRegisters of(MemorySegment state) {
        long[] general = new long[ORDER.length];
        for (int i = 0; i < general.length; i++) {
            general[i] = word(state, GENERAL + 8 * ORDER[i]);
        }
        return new VcpuRegisters(
                general,
                word(state, RIP),
                word(state, RFLAGS),
                state.get(JAVA_INT_UNALIGNED, SS_ATTRIBUTES) >>> PRIVILEGE_SHIFT & 3,
                word(state, FS_BASE),
                word(state, GS_BASE),
                word(state, CR0),
                word(state, CR2),
                word(state, CR3),
                word(state, CR4),
                word(state, GDT_BASE),
                word(state, IDT_BASE));
    }

    private static long word(MemorySegment state, int offset) {
        return state.get(JAVA_LONG_UNALIGNED, offset);
    }
}
