package dev.plumbline.machine.xen;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VirtualAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Where the kernel's addresses lie in memory, by the page tables that vCPUs have in force: the kernel's part is the
/// same in all of them. Where Linux isolates page tables a vCPU in user space has others, without the kernel; the
/// kernel's top table lies in the page before theirs then (arch/x86/include/asm/pgtable.h, `kernel_to_user_pgdp`).
final class KernelPages {
    private static final long ISOLATED = 1 << 12;
    private static final long CR4_LA57 = 1L << 12;

    private final PhysicalMemory memory;
    private final List<AddressSpace> spaces = new ArrayList<>();

    KernelPages(PhysicalMemory memory) {
        this.memory = memory;
    }

    /// Takes the page tables of a vCPU as well.
    ///
    /// @param cr3 its control register 3
    /// @param cr4 its control register 4
    void add(long cr3, long cr4) {
        int levels = (cr4 & CR4_LA57) != 0 ? 5 : 4;
        spaces.add(new AddressSpace(memory, new PhysicalAddress(cr3 & ~0xfffL), levels));
        spaces.add(new AddressSpace(memory, new PhysicalAddress(cr3 & ~0xfffL & ~ISOLATED), levels));
    }

    /// The same, if the vCPU uses any.
    void add(VcpuRegisters registers) {
        if (registers.pagingEnabled()) {
            add(registers.cr3(), registers.cr4());
        }
    }

    /// Where an address lies; nowhere if it is not mapped.
    ///
    /// @throws GuestException if none of the page tables can be read
    Optional<PhysicalAddress> place(long address) throws GuestException {
        UnreadableMemoryException unreadable = null;
        int unread = 0;
        for (AddressSpace space : spaces) {
            try {
                if (space.translate(new VirtualAddress(address)) instanceof Translation.Mapped mapped) {
                    return Optional.of(mapped.address());
                }
            } catch (UnreadableMemoryException e) {
                // No page tables are there.
                unreadable = e;
                unread++;
            }
        }
        if (unread == spaces.size()) {
            String why = unreadable == null ? "none has any in force" : unreadable.getMessage();
            throw new GuestException("no vCPU's page tables can be read: " + why, unreadable);
        }
        return Optional.empty();
    }
}
