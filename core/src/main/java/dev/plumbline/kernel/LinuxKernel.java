package dev.plumbline.kernel;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.List;

/// The Linux kernel that runs in a guest, found and read from the outside. What never changes while the kernel runs
/// is read once, when it is opened; everything else is read anew each time it is asked for.
///
/// For one thread at a time. The guest may run meanwhile and is never written to or paused.
public final class LinuxKernel {
    private static final int EXPECTED_MODULE_SYMBOLS = 8192;

    private final Machine machine;
    private final KernelMemory memory;
    private final ReadBudget budget;
    private final KernelImage image;
    private final KernelSymbols symbols;
    private final Btf btf;
    private final KernelIdentity identity;

    LinuxKernel(
            Machine machine,
            KernelMemory memory,
            ReadBudget budget,
            KernelImage image,
            KernelSymbols symbols,
            Btf btf,
            KernelIdentity identity) {
        this.machine = machine;
        this.memory = memory;
        this.budget = budget;
        this.image = image;
        this.symbols = symbols;
        this.btf = btf;
        this.identity = identity;
    }

    /// Finds the kernel in a guest.
    ///
    /// @throws NotLinuxException if no Linux kernel runs in it now
    /// @throws KernelFormatException if there is one that cannot be read: still booting, corrupted, of a layout not
    ///   known
    /// @throws GuestException if the guest cannot be reached
    public static LinuxKernel open(Machine machine) throws GuestException {
        return new KernelOpener(machine).open();
    }

    /// The guest the kernel runs in.
    public Machine machine() {
        return machine;
    }

    /// Where the image lies.
    public KernelImage image() {
        return image;
    }

    /// Version and build.
    public KernelIdentity identity() {
        return identity;
    }

    /// The kernel's own page tables, `init_top_pgt`, which no user process can switch away.
    public AddressSpace addressSpace() {
        return memory.space();
    }

    /// The kernel's types.
    public Btf types() {
        return btf;
    }

    /// The symbols the kernel was built with, without those of modules.
    public SymbolTable coreSymbols() {
        return symbols.table();
    }

    /// All symbols as /proc/kallsyms lists them now: the kernel's, the modules', those of generated code.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public SymbolTable symbols() throws GuestException {
        return consistently(() -> readSymbols(readModules()));
    }

    /// The loaded modules, newest first, as `lsmod` shows them.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<KernelModule> modules() throws GuestException {
        return consistently(this::readModules);
    }

    /// The tasks, without the idle ones.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<Task> tasks() throws GuestException {
        return consistently(() -> new TaskReader(memory, btf, symbols.address("init_task")).tasks());
    }

    /// The places the kernel's function tracer knows, in its own order: what available_filter_functions lists. None
    /// if the kernel was built without it.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<FtraceRecord> ftraceRecords() throws GuestException {
        return consistently(this::readFtraceRecords);
    }

    /// The system calls of the 64-bit table, ascending by number.
    ///
    /// How large functions' stack frames are, by the kernel's unwind table.
    ///
    /// @throws GuestException if guest memory cannot be read
    public FrameSizes frameSizes() throws GuestException {
        return consistently(() -> FrameSizes.read(memory, symbols.table()));
    }

    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<SystemCall> systemCalls() throws GuestException {
        return consistently(() -> new SystemCallReader(memory, symbols.table()).systemCalls());
    }

    /// Where each CPU has its data.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public PerCpu perCpu() throws GuestException {
        return consistently(() -> PerCpuReader.read(memory, symbols));
    }

    /// The kernel stacks of all tasks, the idle ones included.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<TaskStack> taskStacks() throws GuestException {
        return Consistently.read(memory, () -> new StackReader(memory, symbols, btf, perCpu()).taskStacks(tasks()));
    }

    /// By CPU number, the address behind the highest byte of its interrupt stack; 0 for a CPU that is not online.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public long[] interruptStackTops() throws GuestException {
        return new StackReader(memory, symbols, btf, perCpu()).interruptStackTops();
    }

    /// Where code finds its CPU's number and task.
    ///
    /// @throws GuestException if this kernel keeps them where Plumbline does not know
    public PerCpuPlaces perCpuPlaces() throws GuestException {
        return PerCpuPlaces.of(symbols, btf);
    }

    /// All code as it is in memory now, with the symbols and the patchable places that go with it.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public KernelCode code() throws GuestException {
        return consistently(() -> {
            List<KernelModule> modules = readModules();
            PatchPlaces places =
                    new PatchPlacesReader(memory, symbols, btf).read(readFtraceRecords(), moduleReader(), modules);
            List<CodeRegion> regions = new CodeReader(memory, symbols).regions(modules);
            KernelCode code = new KernelCode(regions, readSymbols(modules), places);
            if (!readModules().equals(modules)) {
                throw new KernelFormatException("the modules of " + machine.name()
                        + " were loaded or unloaded while its code was read; run the command again");
            }
            return code;
        });
    }

    /// Checks that this very kernel still runs in the guest, so that what was read belongs together.
    ///
    /// @throws GuestException if the guest has ended, or was rebooted since the kernel was opened
    public void verifyStillRunning() throws GuestException {
        if (!isStillRunning()) {
            throw new GuestException(
                    "the guest " + machine.name() + " was rebooted while it was read; run the command again");
        }
    }

    /// Whether this very kernel, of this very boot, still runs in the guest.
    ///
    /// @throws GuestException if the guest has ended or cannot be read
    public boolean isStillRunning() throws GuestException {
        budget.renew();
        memory.space().forgetTranslations();
        return new KernelImageFinder(machine).finds(image) && isIdentified();
    }

    private boolean isIdentified() throws GuestException {
        try {
            return new IdentityReader(memory, symbols, btf, image).read().equals(identity);
        } catch (KernelFormatException | UnreadableMemoryException _) {
            return false;
        }
    }

    /// What makes no sense to the end may be that of another kernel, and then that is what is said.
    private <T> T consistently(Consistently.Reading<T> reading) throws GuestException {
        budget.renew();
        try {
            return Consistently.read(memory, reading);
        } catch (KernelFormatException | UnreadableMemoryException e) {
            verifyStillRunning();
            throw e;
        }
    }

    private SymbolTable readSymbols(List<KernelModule> modules) throws GuestException {
        SymbolTableBuilder all = SymbolTableBuilder.startingWith(symbols.table(), EXPECTED_MODULE_SYMBOLS);
        ModuleReader reader = moduleReader();
        for (KernelModule module : modules) {
            reader.addSymbols(module, all);
        }
        new GeneratedSymbols(memory, symbols, btf, all).add();
        return all.build();
    }

    private List<KernelModule> readModules() throws GuestException {
        return moduleReader().modules();
    }

    private List<FtraceRecord> readFtraceRecords() throws GuestException {
        var pages = symbols.find("ftrace_pages_start");
        return pages.isPresent() ? new FtraceReader(memory, btf, pages.getAsLong()).records() : List.of();
    }

    private ModuleReader moduleReader() throws KernelFormatException {
        return new ModuleReader(memory, btf, symbols.address("modules"));
    }
}
