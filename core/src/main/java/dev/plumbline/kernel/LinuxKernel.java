package dev.plumbline.kernel;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The Linux kernel that runs in a guest, found and read from the outside. What never changes while the kernel runs
/// is read once, when it is opened; everything else is read anew each time it is asked for.
///
/// For one thread at a time. The guest may run meanwhile and is never written to or paused.
public final class LinuxKernel {
    private static final int EXPECTED_MODULE_SYMBOLS = 8192;
    /// `__PAGE_OFFSET_BASE_L4` (Documentation/arch/x86/x86_64/mm.rst), of kernels that cannot move it.
    private static final long DIRECT_MAP_WITHOUT_KASLR = 0xffff_8880_0000_0000L;

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

    /// The types of the kernel's functions; [FunctionTypes#look] reads those of modules.
    ///
    /// @throws GuestException if the kernel's types make no sense
    public FunctionTypes functionTypes() throws GuestException {
        ModuleTypesReader reader = new ModuleTypesReader(memory, symbols, btf);
        return new FunctionTypes(btf, new FunctionTypes.Reading() {
            @Override
            public List<ModuleTypesReader.Source> sources() throws GuestException {
                return consistently(() -> reader.sources(readModules()));
            }

            @Override
            public Btf read(ModuleTypesReader.Source source) throws GuestException {
                return consistently(() -> reader.read(source));
            }
        });
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

    /// The code that the kernel has made while it runs, as far as its own lists show it.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<GeneratedRegion> generatedCode() throws GuestException {
        return consistently(this::readGenerated);
    }

    /// The modules that are neither being loaded nor unloaded, newest first.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<KernelModule> liveModules() throws GuestException {
        return consistently(() -> moduleReader().liveModules());
    }

    /// A number that is another one after a module has come or gone, or changed from being loaded to being there to
    /// being unloaded. Cheap.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public long moduleMark() throws GuestException {
        return consistently(() -> moduleReader().mark());
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

    /// How large functions' stack frames are, by the kernel's unwind table.
    ///
    /// @throws GuestException if guest memory cannot be read
    public FrameSizes frameSizes() throws GuestException {
        return consistently(() -> FrameSizes.read(memory, symbols.table()));
    }

    /// The system calls of the 64-bit table, ascending by number.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<SystemCall> systemCalls() throws GuestException {
        return consistently(() -> new SystemCallReader(memory, symbols.table()).systemCalls());
    }

    /// Where kprobes are registered now, be they armed or not; ascending, virtual addresses. Those at function entries
    /// that the function tracer carries are among them.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public long[] kprobes() throws GuestException {
        return consistently(() -> new PatchPlacesReader(memory, symbols, btf).kprobes());
    }

    /// The kprobes that are registered now, with what they call.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<Kprobe> kprobeHandlers() throws GuestException {
        return consistently(() -> new KprobeReader(memory, symbols, btf).kprobes());
    }

    /// Who uses the kernel's function tracer now. None if the kernel was built without it.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<FtraceUser> ftraceUsers() throws GuestException {
        return consistently(() -> new FtraceUserReader(memory, symbols, btf).users());
    }

    /// Where the jump of each static key leads, by the address of its instruction.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public Map<Long, Long> staticKeyTargets() throws GuestException {
        return consistently(
                () -> new PatchPlacesReader(memory, symbols, btf).staticKeyTargets(moduleReader(), readModules()));
    }

    /// The function that each static call is to lead to now, by the address of its instruction or trampoline; 0 for
    /// none.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public Map<Long, Long> staticCallFunctions() throws GuestException {
        return consistently(() -> {
            List<KernelModule> modules = readModules();
            return new StaticCallReader(memory, symbols, btf).functions(readSymbols(modules), moduleReader(), modules);
        });
    }

    /// Modules whose code the kernel can find by address, as it does to unwind stacks, and which its list of modules
    /// does not have. One that is being loaded or unloaded in this moment may be among them.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public List<KernelModule> unlistedModules() throws GuestException {
        return consistently(() -> new ModuleTreeReader(memory, symbols, btf).unlisted(moduleReader()));
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

    /// Return addresses that the guest's own tracers keep for the tasks with these stacks, which are not on the stacks
    /// then; others that only look like them may be among them.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public Set<Long> tracedReturns(List<TaskStack> stacks) throws GuestException {
        return consistently(() -> new TracedReturns(memory, btf).of(stacks));
    }

    /// Addresses of the tasks that are current on the CPUs in use.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public Set<Long> currentTasks() throws GuestException {
        return consistently(() -> {
            PerCpu places = PerCpuReader.read(memory, symbols);
            int offset = perCpuPlaces().currentTask();
            Set<Long> tasks = new HashSet<>();
            for (int cpu = 0; cpu < places.bases().length; cpu++) {
                if (places.online()[cpu]) {
                    tasks.add(memory.s64(places.bases()[cpu] + offset));
                }
            }
            return tasks;
        });
    }

    /// Whether this gs base is that of a CPU that the kernel does not use now.
    ///
    /// @throws GuestException if guest memory cannot be read or makes no sense
    public boolean isOfOfflineCpu(long gsBase) throws GuestException {
        PerCpu places = perCpu();
        for (int cpu = 0; cpu < places.bases().length; cpu++) {
            if (places.bases()[cpu] == gsBase) {
                return !places.online()[cpu];
            }
        }
        return false;
    }

    /// Virtual address at which all physical memory is mapped: that of physical address 0.
    ///
    /// @throws GuestException if guest memory cannot be read
    public long directMapBase() throws GuestException {
        var base = symbols.find("page_offset_base");
        return base.isPresent() ? memory.s64(base.getAsLong()) : DIRECT_MAP_WITHOUT_KASLR;
    }

    /// Where code finds its CPU's number and task.
    ///
    /// @throws GuestException if this kernel keeps them where Plumbline does not know
    public PerCpuPlaces perCpuPlaces() throws GuestException {
        return PerCpuPlaces.of(symbols, btf);
    }

    /// How fast the time stamp counter counts, as the kernel has measured it (`tsc_khz`, arch/x86/kernel/tsc.c).
    ///
    /// @throws GuestException if it does not say
    public long timeStampKilohertz() throws GuestException {
        var symbol = symbols.find("tsc_khz");
        long kilohertz = symbol.isEmpty()
                ? 0
                : memory.block("tsc_khz", symbol.getAsLong(), 4).u32(0);
        if (kilohertz == 0) {
            throw new GuestException("the kernel of " + machine.name()
                    + " does not know how fast its time stamp counter counts; trace it without times");
        }
        return kilohertz;
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

    /// One module's code as it is in memory now.
    ///
    /// @param module with code, and not being loaded any more
    /// @throws GuestException if guest memory cannot be read or makes no sense, as when the module has gone
    public ModuleCode moduleCode(KernelModule module) throws GuestException {
        return consistently(() -> {
            ModuleReader reader = moduleReader();
            CodeRegion region = new CodeReader(memory, symbols).region(module);
            SymbolTableBuilder own = new SymbolTableBuilder(1024);
            reader.addSymbols(module, own);
            PatchPlaces places =
                    new PatchPlacesReader(memory, symbols, btf).read(readFtraceRecords(), reader, module, region);
            return new ModuleCode(module, region, own.build(), places);
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
        return KernelImageFinder.isInUse(image, machine) && isIdentified();
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
            throw new KernelFormatException(machine, e);
        }
    }

    private SymbolTable readSymbols(List<KernelModule> modules) throws GuestException {
        SymbolTableBuilder all = SymbolTableBuilder.startingWith(symbols.table(), EXPECTED_MODULE_SYMBOLS);
        ModuleReader reader = moduleReader();
        for (KernelModule module : modules) {
            reader.addSymbols(module, all);
        }
        for (GeneratedRegion region : readGenerated()) {
            all.owner(region.owner());
            all.add(region.start(), 't', region.name());
        }
        all.owner(null);
        return all.build();
    }

    private List<GeneratedRegion> readGenerated() throws GuestException {
        return new GeneratedCodeReader(memory, symbols, btf).regions();
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
