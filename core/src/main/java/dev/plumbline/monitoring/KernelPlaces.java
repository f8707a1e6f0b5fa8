package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import dev.plumbline.kernel.KernelImage;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.WrittenCode;
import java.util.List;
import java.util.Optional;

/// Addresses of a running kernel as people know them. The kernel's own code is known from the start; modules and code
/// that was made while the kernel runs are read when they are first asked for after [#forget]. For one thread.
final class KernelPlaces {
    private static final int LARGEST_GENERATED_BYTES = 64 << 10;

    private final LinuxKernel kernel;
    private CallGraph graph;
    private SymbolTable symbols;
    private List<KernelModule> modules;
    private WrittenCode written = new WrittenCode();

    KernelPlaces(LinuxKernel kernel, CallGraph graph) {
        this.kernel = kernel;
        this.graph = graph;
    }

    /// Whose code an address lies in.
    enum Owner {
        /// The kernel's as it was built.
        KERNEL,
        /// A module's that is on the list.
        MODULE,
        /// The kernel's own that it made while it ran: trampolines, BPF programs, copied instructions.
        GENERATED,
        /// Nobody's.
        NOBODY
    }

    /// From now on the code is this.
    void use(CallGraph now) {
        graph = now;
        forget();
    }

    /// Modules may have come and gone.
    void forget() {
        symbols = null;
        modules = null;
    }

    /// Plumbline's own code is this.
    void use(WrittenCode now) {
        written = now;
    }

    CallGraph graph() {
        return graph;
    }

    Owner owner(long address) throws GuestException {
        if (isKernelCode(address)) {
            return Owner.KERNEL;
        }
        if (module(address).isPresent()) {
            return Owner.MODULE;
        }
        return isGenerated(address) ? Owner.GENERATED : Owner.NOBODY;
    }

    private boolean isKernelCode(long address) {
        return graph.regions().stream().anyMatch(region -> region.owner() == null && region.contains(address));
    }

    /// The module whose code it is.
    Optional<KernelModule> module(long address) throws GuestException {
        if (modules == null) {
            modules = kernel.modules();
        }
        return modules.stream().filter(module -> module.hasCodeAt(address)).findFirst();
    }

    private boolean isGenerated(long address) throws GuestException {
        int symbol = symbol(address);
        String owner = symbol < 0 ? null : symbols().owner(symbol);
        return owner != null
                && (owner.equals("bpf") || owner.startsWith("__builtin__"))
                && address - symbols().address(symbol) < LARGEST_GENERATED_BYTES;
    }

    /// The name of generated code's kind, as /proc/kallsyms has it: `bpf`, `__builtin__ftrace`, `__builtin__kprobes`.
    Optional<String> generator(long address) throws GuestException {
        return owner(address) == Owner.GENERATED ? Optional.of(symbols().owner(symbol(address))) : Optional.empty();
    }

    private int symbol(long address) throws GuestException {
        int rank = symbols().floorRank(address);
        return rank < 0 ? -1 : symbols().atRank(rank);
    }

    private SymbolTable symbols() throws GuestException {
        if (symbols == null) {
            symbols = kernel.symbols();
        }
        return symbols;
    }

    /// The function that begins there; empty if none does.
    Optional<String> function(long address) throws GuestException {
        int known = graph.functionAt(address);
        if (known != CallGraph.NONE) {
            Function function = graph.function(known);
            return function.address() == address ? Optional.of(plain(function.name())) : Optional.empty();
        }
        int symbol = owner(address) == Owner.NOBODY ? -1 : symbol(address);
        return symbol >= 0 && symbols().address(symbol) == address
                ? Optional.of(plain(symbols().name(symbol)))
                : Optional.empty();
    }

    /// The function an address of code lies in, without where in it.
    String functionAround(long address) throws GuestException {
        int known = graph.functionAt(address);
        return known != CallGraph.NONE ? plain(graph.function(known).name()) : name(address);
    }

    /// Symbol and offset, with the module in brackets.
    String name(long address) throws GuestException {
        if (isOwn(address)) {
            return "Plumbline's code";
        }
        int known = graph.functionAt(address);
        if (known != CallGraph.NONE) {
            Function function = graph.function(known);
            return name(function.name(), address - function.address(), function.owner());
        }
        Optional<KernelModule> module = module(address);
        if (module.isEmpty() && !isGenerated(address)) {
            return kernel.image().contains(address)
                    ? dataName(address)
                    : "0x%x, which is no known code".formatted(address);
        }
        int symbol = symbol(address);
        String owner = symbol < 0 ? null : symbols().owner(symbol);
        if (owner == null || module.isPresent() && !owner.equals(module.get().name())) {
            return "0x%x [%s]".formatted(address, plain(module.orElseThrow().name()));
        }
        return name(symbols().name(symbol), address - symbols().address(symbol), owner);
    }

    /// Whether it lies where nothing but Plumbline's own code is.
    boolean isOwn(long address) {
        KernelImage image = kernel.image();
        return image.contains(address)
                && written.isOwn(new PhysicalAddress(address - image.virtualBase() + image.physicalBase()));
    }

    /// Symbol and offset of data of the kernel's own.
    String dataName(long address) {
        SymbolTable core = kernel.coreSymbols();
        int rank = core.floorRank(address);
        return rank < 0
                ? "0x%x".formatted(address)
                : name(core.name(core.atRank(rank)), address - core.address(core.atRank(rank)), null);
    }

    private static String name(String symbol, long offset, String owner) {
        String place = offset == 0 ? symbol : "%s+0x%x".formatted(symbol, offset);
        return plain(owner == null ? place : place + " [" + owner + "]");
    }

    /// Text of the guest's without what a terminal would obey.
    static String plain(String text) {
        return text.replaceAll("[^\\x20-\\x7e]", "?");
    }
}
