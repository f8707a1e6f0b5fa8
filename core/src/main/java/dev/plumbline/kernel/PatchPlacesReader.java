package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads the kernel's and the modules' own tables of places they patch: ftrace records, `struct jump_entry`,
/// `struct static_call_site`, and the hash table of registered kprobes. Places in init code, which is gone, are
/// left in: no code region covers them.
final class PatchPlacesReader {
    /// `struct jump_entry`: s32 code and s32 target, each relative to itself, then a long.
    private static final int JUMP_ENTRY_BYTES = 16;
    /// `struct static_call_site`: s32 address and s32 key, each relative to itself.
    private static final int STATIC_CALL_SITE_BYTES = 8;

    /// Of one kind of place, in all tables together.
    private static final int MOST_ENTRIES = 500_000;

    private static final int KPROBE_BUCKETS = 64;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;
    private long[] found = new long[1024];
    private int count;

    PatchPlacesReader(KernelMemory memory, KernelSymbols symbols, Btf btf) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
    }

    PatchPlaces read(List<FtraceRecord> records, ModuleReader moduleReader, List<KernelModule> modules)
            throws GuestException {
        for (FtraceRecord record : records) {
            add(record.address());
        }
        long[] ftrace = takeSorted();
        addCore("__start___jump_table", "__stop___jump_table", JUMP_ENTRY_BYTES);
        for (KernelModule module : modules) {
            addTable("jump_entries", "num_jump_entries", JUMP_ENTRY_BYTES, moduleReader, module);
        }
        long[] keys = takeSorted();
        addCore("__start_static_call_sites", "__stop_static_call_sites", STATIC_CALL_SITE_BYTES);
        for (KernelModule module : modules) {
            addTable("static_call_sites", "num_static_call_sites", STATIC_CALL_SITE_BYTES, moduleReader, module);
        }
        return new PatchPlaces(ftrace, keys, takeSorted(), kprobes());
    }

    /// Those of one module; kprobes are left out.
    PatchPlaces read(List<FtraceRecord> records, ModuleReader moduleReader, KernelModule module, CodeRegion region)
            throws GuestException {
        for (FtraceRecord record : records) {
            if (region.contains(record.address())) {
                add(record.address());
            }
        }
        long[] ftrace = takeSorted();
        addTable("jump_entries", "num_jump_entries", JUMP_ENTRY_BYTES, moduleReader, module);
        long[] keys = takeSorted();
        addTable("static_call_sites", "num_static_call_sites", STATIC_CALL_SITE_BYTES, moduleReader, module);
        return new PatchPlaces(ftrace, keys, takeSorted(), new long[0]);
    }

    private void addCore(String start, String stop, int entryBytes) throws GuestException {
        var first = symbols.find(start);
        var last = symbols.find(stop);
        if (first.isPresent() && last.isPresent()) {
            addTable(start, first.getAsLong(), (last.getAsLong() - first.getAsLong()) / entryBytes, entryBytes);
        }
    }

    private void addTable(String table, String number, int entryBytes, ModuleReader reader, KernelModule module)
            throws GuestException {
        int entries = reader.number(module, number);
        if (entries != 0) {
            addTable(table + " of module " + module.name(), reader.pointer(module, table), entries, entryBytes);
        }
    }

    private void addTable(String what, long start, long entries, int entryBytes) throws GuestException {
        if (entries < 0 || entries > MOST_ENTRIES - count) {
            throw new KernelFormatException(what, start, entries + " entries");
        }
        Block table = memory.block(what, start, entries * entryBytes);
        for (long at = 0; at < table.size(); at += entryBytes) {
            add(start + at + table.s32(at));
        }
    }

    /// Where the jump of each static key leads, by the address of its instruction.
    Map<Long, Long> staticKeyTargets(ModuleReader moduleReader, List<KernelModule> modules) throws GuestException {
        Map<Long, Long> targets = new HashMap<>();
        var start = symbols.find("__start___jump_table");
        var stop = symbols.find("__stop___jump_table");
        if (start.isPresent() && stop.isPresent()) {
            long bytes = stop.getAsLong() - start.getAsLong();
            addTargets(targets, "__start___jump_table", start.getAsLong(), bytes / JUMP_ENTRY_BYTES);
        }
        for (KernelModule module : modules) {
            int entries = moduleReader.number(module, "num_jump_entries");
            if (entries != 0) {
                String what = "jump_entries of module " + module.name();
                addTargets(targets, what, moduleReader.pointer(module, "jump_entries"), entries);
            }
        }
        return targets;
    }

    private void addTargets(Map<Long, Long> targets, String what, long start, long entries) throws GuestException {
        if (entries < 0 || entries > MOST_ENTRIES - targets.size()) {
            throw new KernelFormatException(what, start, entries + " entries");
        }
        Block table = memory.block(what, start, entries * JUMP_ENTRY_BYTES);
        for (long at = 0; at < table.size(); at += JUMP_ENTRY_BYTES) {
            targets.put(start + at + table.s32(at), start + at + 4 + table.s32(at + 4));
        }
    }

    /// Where kprobes are registered, armed or not, ascending.
    long[] kprobes() throws GuestException {
        var table = symbols.find("kprobe_table");
        if (table.isEmpty()) {
            return new long[0];
        }
        StructLayout kprobe = btf.struct("kprobe");
        long addressAt = kprobe.offset("addr");
        long linkAt = kprobe.offset("hlist");
        Block buckets = memory.block("kprobe_table", table.getAsLong(), 8L * KPROBE_BUCKETS);
        for (int bucket = 0; bucket < KPROBE_BUCKETS; bucket++) {
            for (long link = buckets.s64(8L * bucket); link != 0; link = memory.s64(link)) {
                if (count > MOST_ENTRIES) {
                    throw buckets.malformed(8L * bucket, "a chain of kprobes that does not end");
                }
                add(memory.s64(link - linkAt + addressAt));
            }
        }
        return takeSorted();
    }

    // What is no kernel address was never patched: an entry just being made, or a corrupted one.
    private void add(long address) {
        if (address >= 0) {
            return;
        }
        if (count == found.length) {
            found = Arrays.copyOf(found, count * 2);
        }
        found[count++] = address;
    }

    private long[] takeSorted() {
        long[] sorted = Arrays.copyOf(found, count);
        Arrays.sort(sorted);
        count = 0;
        return sorted;
    }
}
