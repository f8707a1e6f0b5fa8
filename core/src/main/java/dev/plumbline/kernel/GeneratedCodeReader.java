package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;

/// Reads the kernel's own lists of the code it has made while it runs, which /proc/kallsyms shows behind the modules:
/// ftrace trampolines, BPF programs and kprobe instruction pages.
final class GeneratedCodeReader {
    private static final int MOST_ENTRIES = 50_000;
    private static final int PAGE_BYTES = 4096;
    /// The largest BPF program in machine code; others are a page or less.
    private static final long LARGEST_BYTES = 1 << 20;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;
    private final List<GeneratedRegion> regions = new ArrayList<>();

    GeneratedCodeReader(KernelMemory memory, KernelSymbols symbols, Btf btf) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
    }

    /// All of it, in the order of /proc/kallsyms.
    List<GeneratedRegion> regions() throws GuestException {
        regions.clear();
        addTrampolines();
        addBpf();
        addKprobePages("kprobe_insn_slots");
        addKprobePages("kprobe_optinsn_slots");
        return List.copyOf(regions);
    }

    // A wrong size must not make the kernel's own what lies around.
    private void add(String owner, String name, long start, long sizeBytes) {
        long end = start + Math.clamp(sizeBytes, 0, LARGEST_BYTES);
        regions.add(new GeneratedRegion(owner, name, start, end));
    }

    // since 5.8, commit fc0ea795f53c
    private void addTrampolines() throws GuestException {
        var head = symbols.find("ftrace_ops_trampoline_list");
        if (head.isEmpty()) {
            return;
        }
        StructLayout ops = btf.struct("ftrace_ops");
        KernelList.walk(memory, "list of ftrace trampolines", head.getAsLong(), MOST_ENTRIES, link -> {
            long at = link - ops.offset("list");
            long start = memory.s64(at + ops.offset("trampoline"));
            add("__builtin__ftrace", "ftrace_trampoline", start, memory.s64(at + ops.offset("trampoline_size")));
        });
    }

    private void addBpf() throws GuestException {
        var head = symbols.find("bpf_kallsyms");
        if (head.isEmpty()) {
            return;
        }
        StructLayout symbol = btf.struct("bpf_ksym");
        StructLayout.Member name = symbol.member("name");
        KernelList.walk(memory, "list of BPF programs", head.getAsLong(), MOST_ENTRIES, link -> {
            long at = link - symbol.offset("lnode");
            String text = memory.text("BPF program name", at + name.offset(), (int) Math.min(512, name.sizeBytes()));
            long start = memory.s64(at + symbol.offset("start"));
            add("bpf", text, start, memory.s64(at + symbol.offset("end")) - start);
        });
    }

    // since 5.8, commit d002b8bc6dbc
    private void addKprobePages(String cacheName) throws GuestException {
        var cache = symbols.find(cacheName);
        if (cache.isEmpty()) {
            return;
        }
        StructLayout slots = btf.struct("kprobe_insn_cache");
        StructLayout page = btf.struct("kprobe_insn_page");
        long label = memory.s64(cache.getAsLong() + slots.offset("sym"));
        String name = label == 0 ? cacheName : memory.text("kprobe page name", label, 64);
        KernelList.walk(memory, cacheName, cache.getAsLong() + slots.offset("pages"), MOST_ENTRIES, link -> {
            long at = link - page.offset("list");
            add("__builtin__kprobes", name, memory.s64(at + page.offset("insns")), PAGE_BYTES);
        });
    }
}
