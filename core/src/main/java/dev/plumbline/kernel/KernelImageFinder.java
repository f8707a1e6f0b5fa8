package dev.plumbline.kernel;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Finds the kernel image through the interrupt descriptor table: its gates lead into kernel text whatever the vCPU
/// is doing, and both are mapped even while a vCPU is in user mode with page-table isolation, when CR3 shows the
/// smaller tables (bit 12 set, the kernel's own tables in the page before: Linux commit 8a09317b895f, 4.15).
final class KernelImageFinder {
    /// How often to look before it is believed that nothing is there: a process that ends takes the page tables along
    /// that a vCPU has just been seen to use.
    static final int PASSES = 3;

    /// The gate of #PF; every system has set it once paging is in real use.
    private static final int PAGE_FAULT_VECTOR = 14;
    private static final int GATE_BYTES = 16;
    private static final long ISOLATION_BIT = 1L << 12;
    private static final long LARGEST_HOLE = 32L << 20;
    private static final int MOST_CANDIDATES = 8;

    private final Machine machine;
    private final Set<View> seen = new HashSet<>();
    private final Set<KernelImage> offered = new HashSet<>();
    private int vcpu;
    private final List<View> views = new ArrayList<>();
    private String reason = "it has no vCPU";

    KernelImageFinder(Machine machine) {
        this.machine = machine;
    }

    /// An image and page tables under which it can be read.
    record Candidate(KernelImage image, AddressSpace space) {}

    /// Page tables and the interrupt descriptor table that a vCPU uses.
    private record View(long root, int levels, long idtBase) {}

    /// The next image that the vCPUs lead to, if there is one more. Whether Linux is in it remains to be seen.
    Optional<Candidate> next() throws GuestException {
        while (offered.size() < MOST_CANDIDATES) {
            Optional<View> view = nextView();
            if (view.isEmpty()) {
                break;
            }
            AddressSpace space = space(view.get());
            try {
                long handler = handler(view.get(), space);
                KernelImage image = extent(space);
                if (!image.contains(handler)) {
                    reason = "its page-fault handler at 0x%x lies outside the mapped image".formatted(handler);
                } else if (offered.add(image)) {
                    reason = "the image at 0x" + Long.toHexString(image.virtualBase()) + " has no kallsyms";
                    return Optional.of(new Candidate(image, space));
                }
            } catch (KernelFormatException | UnreadableMemoryException e) {
                reason = e.getMessage();
            }
        }
        return Optional.empty();
    }

    /// Why nothing was found, or no more.
    String reason() {
        return reason;
    }

    /// Whether any vCPU has its interrupts handled in this image.
    static boolean isInUse(KernelImage image, Machine machine) throws GuestException {
        boolean found = false;
        for (int pass = 0; pass < PASSES && !found; pass++) {
            found = new KernelImageFinder(machine).finds(image);
        }
        return found;
    }

    private boolean finds(KernelImage image) throws GuestException {
        for (Optional<View> view = nextView(); view.isPresent(); view = nextView()) {
            AddressSpace space = space(view.get());
            try {
                long handler = handler(view.get(), space);
                long expected = image.physicalBase() + handler - image.virtualBase();
                if (image.contains(handler) && space.physical(new VirtualAddress(handler)) == expected) {
                    return true;
                }
            } catch (KernelFormatException | UnreadableMemoryException _) {
                // This vCPU is not in the kernel looked for; another may be.
                continue;
            }
        }
        return false;
    }

    private Optional<View> nextView() throws GuestException {
        while (views.isEmpty() && vcpu < machine.registers().vcpuCount()) {
            VcpuRegisters registers = machine.registers().read(vcpu);
            if (registers.pagingEnabled()) {
                addView(registers.cr3() & ~ISOLATION_BIT, registers);
                addView(registers.cr3(), registers);
            } else if (seen.isEmpty()) {
                reason = "vCPU " + vcpu + " has 64-bit paging off, so firmware or a boot loader is running";
            }
            vcpu++;
        }
        return views.isEmpty() ? Optional.empty() : Optional.of(views.removeFirst());
    }

    private void addView(long root, VcpuRegisters registers) {
        View view = new View(root, registers.pagingLevels(), registers.idtBase());
        if (seen.add(view)) {
            views.add(view);
        }
    }

    private AddressSpace space(View view) {
        return new AddressSpace(machine.memory(), new PhysicalAddress(view.root()), view.levels());
    }

    private static long handler(View view, AddressSpace space) throws GuestException {
        byte[] gate = new byte[GATE_BYTES];
        long address = view.idtBase() + PAGE_FAULT_VECTOR * GATE_BYTES;
        space.read(new VirtualAddress(address), MemorySegment.ofArray(gate));
        Block block = new Block("interrupt descriptor table", address, gate);
        long handler = block.u16(0) | (long) block.u16(6) << 16 | block.u32(8) << 32;
        if (!KernelImage.inWindow(handler)) {
            throw block.malformed(
                    0, "the page-fault handler lies at 0x%x, where no Linux kernel is".formatted(handler));
        }
        return handler;
    }

    /// The mapped part of the image's window: from the first page on, as far as it is contiguous in physical
    /// memory, over the holes that freed init memory leaves.
    private static KernelImage extent(AddressSpace space) throws GuestException {
        long first = 0;
        long physical = 0;
        long end = 0;
        long page = KernelImage.WINDOW_START;
        while (page < KernelImage.WINDOW_END && (end == 0 || page - end <= LARGEST_HOLE)) {
            Translation translation = space.translate(new VirtualAddress(page));
            long next = behind(page, translation);
            if (translation instanceof Translation.Mapped mapped) {
                if (end == 0) {
                    first = page;
                    physical = mapped.address().value();
                }
                if (mapped.address().value() - physical != page - first) {
                    break;
                }
                end = next;
            }
            page = next;
        }
        return new KernelImage(first, end, physical);
    }

    /// The first address behind the page at `page`, or behind what the entry that is missing there would map.
    static long behind(long page, Translation translation) {
        long span = switch (translation) {
            case Translation.Mapped mapped -> mapped.pageSizeBytes();
            case Translation.Unmapped unmapped -> 1L << (12 + 9 * (unmapped.level() - 1));
        };
        return (page & -span) + span;
    }
}
