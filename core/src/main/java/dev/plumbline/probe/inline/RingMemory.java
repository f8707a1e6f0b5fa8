package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Changes;
import java.util.Arrays;
import java.util.OptionalLong;

/// Borrows from the guest what the recorder writes to: a ring for each CPU, and [Counters]; before them, the table of
/// [IndirectChecks].
final class RingMemory {
    private static final String PAGES = "get_free_pages_noprof";
    private static final String PAGES_BEFORE_6_10 = "__get_free_pages";
    private static final String PER_CPU = "pcpu_alloc_noprof";
    private static final String PER_CPU_BEFORE_6_10 = "__alloc_percpu_gfp";

    private final LinuxKernel kernel;
    private final GuestText text;
    private final Changes changes;

    /// @param changes says where code may run
    RingMemory(LinuxKernel kernel, GuestText text, Changes changes) {
        this.kernel = kernel;
        this.text = text;
        this.changes = changes;
    }

    /// Asks the guest's allocators.
    ///
    /// @param tableOrders of blocks that are to come before the rings
    /// @return the changes with what was lent, which may be less than asked for
    /// @throws GuestException if nothing of the guest runs, or its allocators cannot be found
    Changes borrow(int cpuCount, int ringOrder, int... tableOrders) throws GuestException {
        if (cpuCount > Counters.MOST_CPUS) {
            throw new GuestException("%s may have %,d CPUs; inline probes know %,d at most"
                    .formatted(kernel.machine().name(), cpuCount, Counters.MOST_CPUS));
        }
        int[] orders = Arrays.copyOf(tableOrders, tableOrders.length + cpuCount);
        Arrays.fill(orders, tableOrders.length, orders.length, ringOrder);
        // Since 6.10 (commit b951aaff5035) allocation functions have a twin that is the real one.
        OptionalLong perCpu = function(PER_CPU);
        long pageAllocator = function(PAGES, PAGES_BEFORE_6_10);
        long perCpuAllocator = perCpu.isPresent() ? perCpu.getAsLong() : function(PER_CPU_BEFORE_6_10, PER_CPU);
        long last = new GuestCode(kernel, text, new InlineUndo(kernel, text, changes), changes.areaAddress())
                .run((code, flags) -> {
                    GuestAllocation.emitAllocation(code, pageAllocator, orders, flags, changes.mark());
                    GuestAllocation.emitCounters(code, perCpuAllocator, perCpu.isPresent(), flags);
                });
        return Loan.lent(kernel, text, changes, last).changes();
    }

    /// Makes sure that all was lent.
    ///
    /// @throws GuestException if not
    static void verify(LinuxKernel kernel, Changes changes, int cpuCount, int ringOrder, int... tableOrders)
            throws GuestException {
        if (changes.blocks().size() < tableOrders.length + cpuCount
                || changes.perCpu().isEmpty()) {
            throw new GuestException("%s has no %,d MiB of contiguous memory to spare for the rings"
                    .formatted(kernel.machine().name(), (long) cpuCount << ringOrder - 8));
        }
    }

    private long function(String name, String olderName) throws GuestException {
        OptionalLong function = function(name);
        return function.isPresent()
                ? function.getAsLong()
                : function(olderName)
                        .orElseThrow(() -> new GuestException("the kernel has neither " + name + " nor " + olderName));
    }

    private OptionalLong function(String name) {
        SymbolTable symbols = kernel.coreSymbols();
        var symbol = symbols.find(name);
        return symbol.isPresent() ? OptionalLong.of(symbols.address(symbol.getAsInt())) : OptionalLong.empty();
    }
}
