package dev.plumbline.machine.xen;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import java.util.List;
import java.util.Optional;

/// Where the kernel's addresses lie in memory, by the page tables that a vCPU has in force: the kernel's part is the
/// same in all of them. Where Linux isolates page tables a vCPU in user space has others, without the kernel; the
/// kernel's top table lies in the page before theirs then (arch/x86/include/asm/pgtable.h, `kernel_to_user_pgdp`).
final class KernelPages {
    private static final long ISOLATED = 1 << 12;
    private static final long CR4_LA57 = 1L << 12;

    private final List<AddressSpace> spaces;

    private KernelPages(List<AddressSpace> spaces) {
        this.spaces = spaces;
    }

    /// @param cr3 control register 3 of a vCPU
    /// @param cr4 its control register 4
    static KernelPages of(PhysicalMemory memory, long cr3, long cr4) {
        int levels = (cr4 & CR4_LA57) != 0 ? 5 : 4;
        return new KernelPages(List.of(
                new AddressSpace(memory, new PhysicalAddress(cr3 & ~0xfffL), levels),
                new AddressSpace(memory, new PhysicalAddress(cr3 & ~0xfffL & ~ISOLATED), levels)));
    }

    /// Where an address lies; nowhere if it is not mapped.
    Optional<PhysicalAddress> place(long address) throws GuestException {
        for (AddressSpace space : spaces) {
            try {
                if (space.translate(new VirtualAddress(address)) instanceof Translation.Mapped mapped) {
                    return Optional.of(mapped.address());
                }
            } catch (UnreadableMemoryException _) {
                // No page tables are there.
            }
        }
        return Optional.empty();
    }
}
