package dev.plumbline.monitoring;

import dev.plumbline.kernel.GeneratedRegion;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/// Code that comes and goes while the kernel runs, by the kernel's own lists: modules, trampolines of its function
/// tracer, BPF programs, pages of kprobes. The lists are read when an address is asked for, at most once in ten
/// milliseconds. For one thread.
public final class GeneratedCode implements EdgeComparison.OwnCode {
    private static final long ASKED_NANOS = 10_000_000L;
    private static final long LOOK_OFTEN_NANOS = 100_000_000L;
    /// Less than it takes to load a module, use it and unload it.
    private static final long MARK_NANOS = 30_000_000L;
    private static final long GONE_NANOS = 5_000_000_000L;
    /// Where code still stands it may be a module's that hides, or another's.
    private static final long HIDDEN_NANOS = 1_000_000_000L;

    private static final byte TRAP = (byte) 0xcc;
    private static final int WIPED_BYTES = 4;

    /// Lowest value of `MODULES_VADDR` (Documentation/arch/x86/x86_64/mm.rst); nothing above it comes and goes but
    /// code.
    private static final long LOWEST_MODULE = 0xffff_ffff_a000_0000L;

    private static final Map<String, String> OWNERS = Map.of(
            "bpf", "a BPF program",
            "__builtin__ftrace", "the function tracer",
            "__builtin__kprobes", "a kprobe");

    private final LinuxKernel kernel;
    private final Map<KernelModule, Long> modules = new HashMap<>();
    private final Map<GeneratedRegion, Long> regions = new HashMap<>();
    private long mark;
    private long markedAt = System.nanoTime() - MARK_NANOS;
    private long lookedAt = System.nanoTime() - ASKED_NANOS;

    public GeneratedCode(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public Optional<String> generated(long address) {
        return seen(regions, region -> region.contains(address), address).map(region -> OWNERS.get(region.owner()));
    }

    @Override
    public Optional<String> module(long address) {
        return seen(modules, module -> module.hasCodeAt(address), address).map(KernelModule::name);
    }

    @Override
    public Optional<String> otherModule(long address, String module) {
        look(ASKED_NANOS);
        return modules.keySet().stream()
                .filter(each -> each.hasCodeAt(address) && !each.name().equals(module))
                .map(KernelModule::name)
                .findFirst();
    }

    @Override
    public boolean isGone(long address) {
        return Long.compareUnsigned(address, LOWEST_MODULE) >= 0
                && !kernel.image().contains(address)
                && (!isMapped(address) || isWipedOut(address));
    }

    // BPF programs share large pages, which stay. Where one has gone the kernel leaves traps (`bpf_prog_pack_free`), as
    // in front of the next one, which may begin a few bytes behind the first (`bpf_jit_binary_pack_alloc`). All begin
    // at multiples of 4.
    private boolean isWipedOut(long address) {
        byte[] code = new byte[WIPED_BYTES];
        try {
            kernel.addressSpace().read(new VirtualAddress(address), MemorySegment.ofArray(code));
        } catch (GuestException _) {
            return false;
        }
        for (byte each : code) {
            if (each != TRAP) {
                return false;
            }
        }
        return true;
    }

    private <T> Optional<T> seen(Map<T, Long> all, Predicate<T> holds, long address) {
        look(ASKED_NANOS);
        long longest = isMapped(address) ? HIDDEN_NANOS : GONE_NANOS;
        return all.entrySet().stream()
                .filter(each -> holds.test(each.getKey()) && lookedAt - each.getValue() <= longest)
                .map(Map.Entry::getKey)
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

    /// Reads the lists, so that what goes is known to have been there; call it often, it looks as often as it needs.
    public void look() {
        look(isMarkNew() ? 0 : LOOK_OFTEN_NANOS);
    }

    private boolean isMarkNew() {
        long now = System.nanoTime();
        if (now - markedAt < MARK_NANOS) {
            return false;
        }
        markedAt = now;
        try {
            long before = mark;
            mark = kernel.moduleMark();
            return mark != before;
        } catch (GuestException _) {
            // A list that changes while it is read has changed.
            return true;
        }
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
