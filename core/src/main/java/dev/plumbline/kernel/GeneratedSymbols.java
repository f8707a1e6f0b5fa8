package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// Symbols of code the kernel has made while it runs, as /proc/kallsyms lists them behind the modules: ftrace
/// trampolines, BPF programs and kprobe instruction pages.
final class GeneratedSymbols {
    private static final int MOST_ENTRIES = 50_000;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;
    private final SymbolTableBuilder target;

    GeneratedSymbols(KernelMemory memory, KernelSymbols symbols, Btf btf, SymbolTableBuilder target) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
        this.target = target;
    }

    void add() throws GuestException {
        addTrampolines();
        addBpf();
        addKprobePages("kprobe_insn_slots");
        addKprobePages("kprobe_optinsn_slots");
        target.owner(null);
    }

    // since 5.8, commit fc0ea795f53c
    private void addTrampolines() throws GuestException {
        var head = symbols.find("ftrace_ops_trampoline_list");
        if (head.isEmpty()) {
            return;
        }
        StructLayout ops = btf.struct("ftrace_ops");
        target.owner("__builtin__ftrace");
        KernelList.walk(memory, "list of ftrace trampolines", head.getAsLong(), MOST_ENTRIES, link -> {
            long at = link - ops.offset("list");
            target.add(memory.s64(at + ops.offset("trampoline")), 't', "ftrace_trampoline");
        });
    }

    private void addBpf() throws GuestException {
        var head = symbols.find("bpf_kallsyms");
        if (head.isEmpty()) {
            return;
        }
        StructLayout symbol = btf.struct("bpf_ksym");
        StructLayout.Member name = symbol.member("name");
        target.owner("bpf");
        KernelList.walk(memory, "list of BPF programs", head.getAsLong(), MOST_ENTRIES, link -> {
            long at = link - symbol.offset("lnode");
            String text = memory.text("BPF program name", at + name.offset(), (int) Math.min(512, name.sizeBytes()));
            target.add(memory.s64(at + symbol.offset("start")), 't', text);
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
        target.owner("__builtin__kprobes");
        KernelList.walk(memory, cacheName, cache.getAsLong() + slots.offset("pages"), MOST_ENTRIES, link -> {
            long at = link - page.offset("list");
            target.add(memory.s64(at + page.offset("insns")), 't', name);
        });
    }
}
