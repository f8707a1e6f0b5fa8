package dev.plumbline.monitoring;

import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.VirtualAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Code that the kernel has made while it runs, by the kernel's own lists: trampolines of its function tracer, BPF
/// programs, pages of kprobes. They are read when an address is asked for that none of those known holds, at most once
/// a
/// second. For one thread.
public final class GeneratedCode implements EdgeComparison.OwnCode {
    private static final long LOOK_NANOS = 1_000_000_000L;
    private static final long MODULES_NANOS = 10_000_000L;
    private static final long LOOK_OFTEN_NANOS = 100_000_000L;
    private static final long GONE_NANOS = 5_000_000_000L;
    /// Where code still stands it may be a module's that hides, or another's.
    private static final long HIDDEN_NANOS = 1_000_000_000L;

    /// The largest BPF program in machine code; others are a page or less.
    private static final long LARGEST_BYTES = 1 << 20;

    private static final Map<String, String> OWNERS = Map.of(
            "bpf", "a BPF program",
            "__builtin__ftrace", "the function tracer",
            "__builtin__kprobes", "a kprobe");

    private final LinuxKernel kernel;
    private SymbolTable symbols;
    private long lookedAt;
    private final Map<KernelModule, Long> seenAt = new HashMap<>();
    private long modulesAt = System.nanoTime() - MODULES_NANOS;

    public GeneratedCode(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public Optional<String> generated(long address) {
        Optional<String> owner = symbols == null ? Optional.empty() : owner(address);
        if (owner.isEmpty() && (symbols == null || System.nanoTime() - lookedAt > LOOK_NANOS)) {
            lookedAt = System.nanoTime();
            try {
                symbols = kernel.symbols();
            } catch (GuestException _) {
                // A list that changes while it is read says nothing; what is not known is reported.
                return Optional.empty();
            }
            owner = owner(address);
        }
        return owner;
    }

    @Override
    public Optional<String> module(long address) {
        look(MODULES_NANOS);
        long longest = isMapped(address) ? HIDDEN_NANOS : GONE_NANOS;
        return seenAt.entrySet().stream()
                .filter(seen -> seen.getKey().hasCodeAt(address) && modulesAt - seen.getValue() <= longest)
                .map(seen -> seen.getKey().name())
                .findFirst();
    }

    private boolean isMapped(long address) {
        try {
            kernel.addressSpace().forgetTranslations();
            return kernel.addressSpace().translate(new VirtualAddress(address)) instanceof Translation.Mapped;
        } catch (GuestException _) {
            // Page tables that cannot be read excuse nothing.
            return true;
        }
    }

    /// Reads the list of modules, so that those that go are known to have been there; call it several times a second.
    public void look() {
        look(LOOK_OFTEN_NANOS);
    }

    private void look(long everyNanos) {
        long now = System.nanoTime();
        if (now - modulesAt > everyNanos) {
            modulesAt = now;
            try {
                kernel.modules().forEach(module -> seenAt.put(module, now));
            } catch (GuestException _) {
                // A list that changes while it is read is read again the next time.
            }
            // What a module did last is told when it has gone.
            seenAt.values().removeIf(seen -> now - seen > GONE_NANOS);
        }
    }

    private Optional<String> owner(long address) {
        int rank = symbols.floorRank(address);
        if (rank < 0) {
            return Optional.empty();
        }
        int symbol = symbols.atRank(rank);
        String owner = symbols.owner(symbol);
        boolean isNear = address - symbols.address(symbol) < LARGEST_BYTES;
        return owner == null || !isNear ? Optional.empty() : Optional.ofNullable(OWNERS.get(owner));
    }
}
