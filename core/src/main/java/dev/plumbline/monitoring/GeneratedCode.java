package dev.plumbline.monitoring;

import dev.plumbline.kernel.GeneratedRegion;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Code that comes and goes while the kernel runs, by the kernel's own lists: modules, trampolines of its function
/// tracer, BPF programs, pages of kprobes. The lists are read when an address is asked for, at most once in ten
/// milliseconds. For one thread.
public final class GeneratedCode implements EdgeComparison.OwnCode {
    private static final long ASKED_NANOS = 10_000_000L;
    private static final long LOOK_OFTEN_NANOS = 100_000_000L;
    private static final long GONE_NANOS = 5_000_000_000L;

    private static final Map<String, String> OWNERS = Map.of(
            "bpf", "a BPF program",
            "__builtin__ftrace", "the function tracer",
            "__builtin__kprobes", "a kprobe");

    private final LinuxKernel kernel;
    private final Map<KernelModule, Long> modules = new HashMap<>();
    private final Map<GeneratedRegion, Long> regions = new HashMap<>();
    private long lookedAt = System.nanoTime() - ASKED_NANOS;

    public GeneratedCode(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public Optional<String> generated(long address) {
        look(ASKED_NANOS);
        return regions.keySet().stream()
                .filter(region -> region.contains(address))
                .map(region -> OWNERS.get(region.owner()))
                .findFirst();
    }

    @Override
    public Optional<String> module(long address) {
        look(ASKED_NANOS);
        return modules.keySet().stream()
                .filter(module -> module.hasCodeAt(address))
                .map(KernelModule::name)
                .findFirst();
    }

    /// Reads the lists, so that what goes is known to have been there; call it several times a second.
    public void look() {
        look(LOOK_OFTEN_NANOS);
    }

    private void look(long everyNanos) {
        long now = System.nanoTime();
        if (now - lookedAt > everyNanos) {
            lookedAt = now;
            try {
                kernel.modules().forEach(module -> modules.put(module, now));
                kernel.generatedCode().forEach(region -> regions.put(region, now));
            } catch (GuestException _) {
                // A list that changes while it is read is read again the next time.
            }
            // What code did last is told when it has gone.
            modules.values().removeIf(seen -> now - seen > GONE_NANOS);
            regions.values().removeIf(seen -> now - seen > GONE_NANOS);
        }
    }
}
