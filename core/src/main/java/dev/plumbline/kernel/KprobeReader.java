package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Reads what kprobes call: `struct kprobe` in the buckets of `kprobe_table` (kernel/kprobes.c). Where several stand at
/// one place, one that calls `aggr_pre_handler` has the others on its list. That of a kretprobe calls
/// `pre_handler_kretprobe`, and what it is for stands behind it in `struct kretprobe`.
final class KprobeReader {
    private static final int BUCKETS = 64;
    private static final int MOST_KPROBES = 100_000;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;

    KprobeReader(KernelMemory memory, KernelSymbols symbols, Btf btf) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
    }

    List<Kprobe> kprobes() throws GuestException {
        List<Kprobe> found = new ArrayList<>();
        var table = symbols.find("kprobe_table");
        if (table.isEmpty()) {
            return found;
        }
        long linkAt = btf.struct("kprobe").offset("hlist");
        Block buckets = memory.block("kprobe_table", table.getAsLong(), 8L * BUCKETS);
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            for (long link = buckets.s64(8L * bucket); link != 0; link = memory.s64(link)) {
                if (found.size() == MOST_KPROBES) {
                    throw buckets.malformed(8L * bucket, "a chain of kprobes that does not end");
                }
                found.add(read(link - linkAt));
            }
        }
        return found;
    }

    private Kprobe read(long kprobe) throws GuestException {
        StructLayout layout = btf.struct("kprobe");
        Set<Long> handlers = new LinkedHashSet<>();
        if (isPreHandler(kprobe, "aggr_pre_handler")) {
            long listAt = layout.offset("list");
            KernelList.walk(
                    memory,
                    "kprobes of one place",
                    kprobe + listAt,
                    MOST_KPROBES,
                    link -> addHandlers(link - listAt, handlers));
        } else {
            addHandlers(kprobe, handlers);
        }
        handlers.remove(0L);
        return new Kprobe(memory.s64(kprobe + layout.offset("addr")), List.copyOf(handlers));
    }

    private boolean isPreHandler(long kprobe, String name) throws GuestException {
        var symbol = symbols.find(name);
        return symbol.isPresent()
                && memory.s64(kprobe + btf.struct("kprobe").offset("pre_handler")) == symbol.getAsLong();
    }

    private void addHandlers(long kprobe, Set<Long> handlers) throws GuestException {
        StructLayout layout = btf.struct("kprobe");
        handlers.add(memory.s64(kprobe + layout.offset("pre_handler")));
        handlers.add(memory.s64(kprobe + layout.offset("post_handler")));
        if (isPreHandler(kprobe, "pre_handler_kretprobe")) {
            StructLayout returns = btf.struct("kretprobe");
            long start = kprobe - returns.offset("kp");
            handlers.add(memory.s64(start + returns.offset("handler")));
            handlers.add(memory.s64(start + returns.offset("entry_handler")));
        }
    }
}
