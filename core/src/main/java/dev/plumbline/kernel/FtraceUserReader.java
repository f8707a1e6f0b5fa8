package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;

/// Reads `ftrace_ops_list`, a chain by `next` that ends with `ftrace_list_end` (kernel/trace/ftrace.c). Which entries
/// one asked for stands in its `func_hash->filter_hash`, a table of `struct ftrace_func_entry` in hash chains; an empty
/// one means all. What is called may have been put behind a filter of the kernel's own: `saved_func` has it then.
final class FtraceUserReader {
    private static final int MOST_USERS = 10_000;
    private static final int MOST_BUCKETS_LOG2 = 12;
    private static final int MOST_SITES = 16;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;

    FtraceUserReader(KernelMemory memory, KernelSymbols symbols, Btf btf) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
    }

    List<FtraceUser> users() throws GuestException {
        List<FtraceUser> users = new ArrayList<>();
        var list = symbols.find("ftrace_ops_list");
        var end = symbols.find("ftrace_list_end");
        if (list.isEmpty() || end.isEmpty()) {
            return users;
        }
        StructLayout layout = btf.struct("ftrace_ops");
        long ops = memory.s64(list.getAsLong());
        while (ops != end.getAsLong() && ops != 0) {
            if (users.size() == MOST_USERS) {
                throw new KernelFormatException("ftrace_ops_list", list.getAsLong(), "a list that does not end");
            }
            users.add(read(ops, layout));
            ops = memory.s64(ops + layout.offset("next"));
        }
        return users;
    }

    private FtraceUser read(long ops, StructLayout layout) throws GuestException {
        long saved = layout.has("saved_func") ? memory.s64(ops + layout.offset("saved_func")) : 0;
        long function = saved != 0 ? saved : memory.s64(ops + layout.offset("func"));
        List<Long> sites = new ArrayList<>();
        long hashes = layout.has("func_hash") ? memory.s64(ops + layout.offset("func_hash")) : 0;
        long hash = hashes == 0
                ? 0
                : memory.s64(hashes + btf.struct("ftrace_ops_hash").offset("filter_hash"));
        boolean more = hash != 0 && addSites(hash, sites);
        return new FtraceUser(ops, function, sites, more);
    }

    private boolean addSites(long hash, List<Long> sites) throws GuestException {
        StructLayout layout = btf.struct("ftrace_hash");
        long sizeLog2 = memory.s64(hash + layout.offset("size_bits"));
        if (memory.s64(hash + layout.offset("count")) == 0) {
            return false;
        }
        if (sizeLog2 < 0 || sizeLog2 > MOST_BUCKETS_LOG2) {
            throw new KernelFormatException("struct ftrace_hash", hash, "2^" + sizeLog2 + " buckets");
        }
        StructLayout entry = btf.struct("ftrace_func_entry");
        Block buckets = memory.block(
                "buckets of a struct ftrace_hash", memory.s64(hash + layout.offset("buckets")), 8L << sizeLog2);
        for (long at = 0; at < buckets.size(); at += 8) {
            for (long link = buckets.s64(at); link != 0; link = memory.s64(link)) {
                if (sites.size() == MOST_SITES) {
                    return true;
                }
                sites.add(memory.s64(link - entry.offset("hlist") + entry.offset("ip")));
            }
        }
        return false;
    }
}
