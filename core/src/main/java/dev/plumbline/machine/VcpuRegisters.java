package dev.plumbline.machine;

/// The registers of one vCPU that tell where it runs and which page tables it uses.
///
/// @param general rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15, in the order of the instruction encoding
/// @param rip the next instruction
/// @param rflags the flags
/// @param cpl the privilege level, 0 for the kernel to 3 for user space
/// @param fsBase base of the FS segment
/// @param gsBase base of the GS segment now in force; in kernel mode Linux has its per-CPU data there
/// @param cr0 control register 0
/// @param cr2 control register 2
/// @param cr3 control register 3: the root of the page tables, and flags below bit 12
/// @param cr4 control register 4
/// @param gdtBase base of the global descriptor table
/// @param idtBase base of the interrupt descriptor table
public record VcpuRegisters(
        long[] general,
        long rip,
        long rflags,
        int cpl,
        long fsBase,
        long gsBase,
        long cr0,
        long cr2,
        long cr3,
        long cr4,
        long gdtBase,
        long idtBase) {
    private static final long CR0_PG = 1L << 31;
    private static final long CR4_PAE = 1L << 5;
    private static final long CR4_LA57 = 1L << 12;

    /// Index of rsp in [#general()].
    public static final int RSP = 4;

    /// Whether page tables of the 64-bit kind are in force.
    public boolean pagingEnabled() {
        return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0;
    }

    /// How many levels the page tables have: 4, or 5 where LA57 is on.
    public int pagingLevels() {
        return (cr4 & CR4_LA57) != 0 ? 5 : 4;
    }
}
