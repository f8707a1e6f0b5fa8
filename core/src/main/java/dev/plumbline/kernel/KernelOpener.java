package dev.plumbline.kernel;

import dev.plumbline.kernel.KernelImageFinder.Candidate;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Takes the steps from a bare machine to an open [LinuxKernel]: the image through the interrupt table, the symbols
/// by their shape, then by symbol the page tables, the identity and the types.
final class KernelOpener {
    private static final int EXPECTED_SYMBOLS = 160_000;

    private final Machine machine;
    private final ReadBudget budget = new ReadBudget();

    KernelOpener(Machine machine) {
        this.machine = machine;
    }

    LinuxKernel open() throws GuestException {
        try {
            return openWith(find());
        } catch (KernelFormatException | UnreadableMemoryException e) {
            throw new KernelFormatException(machine, e);
        }
    }

    /// A kernel, by its symbols and by what led to them.
    private record Found(KernelSymbols symbols, Candidate by) {}

    private Found find() throws GuestException {
        for (int pass = 1; ; pass++) {
            try {
                return findAtOnce();
            } catch (NotLinuxException | KernelFormatException | UnreadableMemoryException e) {
                if (pass == KernelImageFinder.PASSES) {
                    throw e;
                }
            }
        }
    }

    private Found findAtOnce() throws GuestException {
        budget.renew();
        KernelImageFinder finder = new KernelImageFinder(machine);
        for (Optional<Candidate> next = finder.next(); next.isPresent(); next = finder.next()) {
            Optional<SymbolTable> symbols = symbols(next.get());
            if (symbols.isPresent()) {
                return new Found(new KernelSymbols(symbols.get()), next.get());
            }
        }
        throw new NotLinuxException("no Linux kernel was found in " + machine.name() + ": " + finder.reason()
                + "; if the guest is still booting, try again in a moment");
    }

    private LinuxKernel openWith(Found found) throws GuestException {
        KernelSymbols symbols = found.symbols();
        Candidate candidate = found.by();
        long text = symbols.address("_text");
        long physical =
                candidate.image().physicalBase() + text - candidate.image().virtualBase();
        KernelImage image = new KernelImage(text, symbols.address("_end"), physical);
        if (!KernelImage.inWindow(text) || !KernelImage.inWindow(image.endAddress() - 1) || image.sizeBytes() <= 0) {
            throw new KernelFormatException("kallsyms", text, "_text and _end do not enclose a kernel");
        }
        KernelMemory memory = new KernelMemory(kernelTables(symbols, image, candidate.space()), budget);
        Btf btf = Btf.parse(memory.between("BTF", symbols.address("__start_BTF"), symbols.address("__stop_BTF")));
        long state = memory.s32(symbols.address("system_state"));
        if (state < btf.constant("SYSTEM_RUNNING")) {
            throw new GuestException("the kernel in " + machine.name() + " is still booting; try again in a moment");
        }
        KernelIdentity identity = new IdentityReader(memory, symbols, btf, image).read();
        return new LinuxKernel(machine, memory, budget, image, symbols, btf, identity);
    }

    /// The page tables of the kernel itself: the vCPU that led here may switch to another process's at any time.
    private AddressSpace kernelTables(KernelSymbols symbols, KernelImage image, AddressSpace found)
            throws GuestException {
        long tables = symbols.address("init_top_pgt");
        AddressSpace space = new AddressSpace(
                machine.memory(),
                new PhysicalAddress(image.physicalBase() + tables - image.virtualBase()),
                found.levels());
        if (space.physical(new VirtualAddress(image.virtualBase())) != image.physicalBase()) {
            throw new KernelFormatException("init_top_pgt", tables, "these page tables do not map the kernel itself");
        }
        return space;
    }

    private Optional<SymbolTable> symbols(Candidate candidate) throws GuestException {
        KernelMemory memory = new KernelMemory(candidate.space(), budget);
        for (Run run : runs(candidate)) {
            Block rodata = memory.block("kernel image", run.start(), run.sizeBytes());
            Optional<Kallsyms> kallsyms = new KallsymsFinder(rodata, candidate.image()).find();
            if (kallsyms.isPresent()) {
                SymbolTableBuilder symbols = new SymbolTableBuilder(EXPECTED_SYMBOLS);
                kallsyms.get().addTo(symbols);
                return Optional.of(symbols.build());
            }
        }
        return Optional.empty();
    }

    /// A run of mapped pages.
    private record Run(long start, long sizeBytes) {}

    /// The image's runs of pages, read-only data first: kallsyms is there once the kernel has protected itself.
    private static List<Run> runs(Candidate candidate) throws GuestException {
        List<Run> readOnly = new ArrayList<>();
        List<Run> others = new ArrayList<>();
        for (long page = candidate.image().virtualBase();
                page < candidate.image().endAddress(); ) {
            Translation translation = candidate.space().translate(new VirtualAddress(page));
            if (translation instanceof Translation.Mapped mapped) {
                add(mapped.executable() || mapped.writable() ? others : readOnly, page, mapped.pageSizeBytes());
            }
            page = KernelImageFinder.behind(page, translation);
        }
        readOnly.addAll(others);
        return readOnly;
    }

    private static void add(List<Run> runs, long page, long pageSizeBytes) {
        long size = pageSizeBytes - (page & pageSizeBytes - 1);
        Run last = runs.isEmpty() ? new Run(page, 0) : runs.removeLast();
        if (last.start() + last.sizeBytes() == page && last.sizeBytes() + size <= KernelMemory.LARGEST_BLOCK_BYTES) {
            runs.add(new Run(last.start(), last.sizeBytes() + size));
        } else {
            runs.add(last);
            runs.add(new Run(page, size));
        }
    }
}
