package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;

/// Registers as Xen saves them (`struct hvm_hw_cpu`, public/arch-x86/hvm/save.h, 1032 bytes): after 512 bytes of FPU
/// state u64@512 rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8 to r15, rip, rflags, cr0, cr2, cr3, cr4; u64@832 base of
/// fs, gs; u64@872 of idt, gdt; u32@908 attributes of ss, with its privilege level in bits 5 and 6.
///
/// Xen stops the domain for a moment to read them.
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
                domain.control().context(domain.id(), vcpu, state);
            } catch (GuestException e) {
                throw domain.explained(e);
            }
            return of(state);
        }
    }

    /// The same, of a vCPU that is not down: of one that is Xen has none.
    Optional<VcpuRegisters> readIfUp(int vcpu) throws GuestException {
        try {
            return Optional.of(read(vcpu));
        } catch (GuestGoneException e) {
            throw e;
        } catch (GuestException _) {
            return Optional.empty();
        }
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
