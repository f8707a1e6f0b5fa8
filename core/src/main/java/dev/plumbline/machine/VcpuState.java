package dev.plumbline.machine;

import java.util.Arrays;

/// Where a vCPU that stands still is about to go on. Mutable, for those who run an instruction in its place.
public final class VcpuState {
    /// Index of rsp in [#general].
    public static final int RSP = VcpuRegisters.RSP;

    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15: the order of the instruction encoding.
    public final long[] general;
    /// The next instruction.
    public long rip;
    /// The flags.
    public long rflags;
    /// Base of the GS segment now in force.
    public final long gsBase;
    /// The privilege level, 0 for the kernel to 3 for user space.
    public final int cpl;

    /// @param general 16 registers, in the order of the instruction encoding
    public VcpuState(long[] general, long rip, long rflags, long gsBase, int cpl) {
        this.general = general;
        this.rip = rip;
        this.rflags = rflags;
        this.gsBase = gsBase;
        this.cpl = cpl;
    }

    /// One that is changed by itself.
    public VcpuState copy() {
        return new VcpuState(general.clone(), rip, rflags, gsBase, cpl);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof VcpuState it
                && Arrays.equals(general, it.general)
                && rip == it.rip
                && rflags == it.rflags
                && gsBase == it.gsBase
                && cpl == it.cpl;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(general) * 31 + Long.hashCode(rip);
    }
}
