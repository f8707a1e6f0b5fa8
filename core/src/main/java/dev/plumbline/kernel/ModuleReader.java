package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/// Reads the list of loaded modules, their symbols and their tables. The layout of `struct module` comes from BTF.
final class ModuleReader {
    private static final int MOST_MODULES = 10_000;
    /// Of the kernel and all modules together; several times what is ever seen.
    private static final int MOST_SYMBOLS = 800_000;

    private static final int MOST_NAME_BYTES = 40 << 20;
    private static final int LARGEST_NAMES = 16 << 20;
    private static final int MOST_REGIONS = 64;
    /// Secret, so that no guest can choose names that make the same mark.
    private static final long MARK_FACTOR = new SplittableRandom().nextLong() | 1;
    private static final int SYMBOL_BYTES = 24;
    private static final int LONGEST_NAME = 512;

    private final KernelMemory memory;
    private final long head;
    private final StructLayout module;
    private final StructLayout moduleSymbols;
    private final StructLayout exported;
    private final long live;
    private final long unformed;
    private final long coming;
    private final Btf btf;

    /// @param head address of the symbol `modules`
    ModuleReader(KernelMemory memory, Btf btf, long head) throws KernelFormatException {
        this.memory = memory;
        this.btf = btf;
        this.head = head;
        this.module = btf.struct("module");
        this.moduleSymbols = btf.struct("mod_kallsyms");
        this.exported = btf.struct("kernel_symbol");
        this.live = btf.constant("MODULE_STATE_LIVE");
        this.unformed = btf.constant("MODULE_STATE_UNFORMED");
        this.coming = btf.constant("MODULE_STATE_COMING");
    }

    /// The modules in the kernel's order, newest first; those still being formed are left out, as in /proc/modules.
    List<KernelModule> modules() throws GuestException {
        long link = module.offset("list");
        List<KernelModule> modules = new ArrayList<>();
        KernelList.walk(memory, "list of modules", head, MOST_MODULES, entry -> {
            long address = entry - link;
            if (state(address) != unformed) {
                modules.add(read(address));
            }
        });
        return modules;
    }

    /// The modules that are neither being loaded nor unloaded, in the kernel's order.
    List<KernelModule> liveModules() throws GuestException {
        List<KernelModule> modules = new ArrayList<>();
        for (KernelModule each : modules()) {
            if (state(each.address()) == live) {
                modules.add(each);
            }
        }
        return modules;
    }

    /// Where each listed `struct module` lies, those still being formed among them.
    Set<Long> addresses() throws GuestException {
        long link = module.offset("list");
        Set<Long> addresses = new HashSet<>();
        KernelList.walk(memory, "list of modules", head, MOST_MODULES, entry -> addresses.add(entry - link));
        return addresses;
    }

    /// Another number after a module has come or gone, or changed its state. The next one may lie where one has gone,
    /// to the byte: they differ by name then.
    long mark() throws GuestException {
        long link = module.offset("list");
        long[] mark = {1};
        KernelList.walk(memory, "list of modules", head, MOST_MODULES, entry -> {
            long address = entry - link;
            long state = state(address);
            mark[0] = (mark[0] * MARK_FACTOR + entry) * MARK_FACTOR + state;
            if (state != unformed) {
                name(address).chars().forEach(letter -> mark[0] = mark[0] * MARK_FACTOR + letter);
            }
        });
        return mark[0];
    }

    private String name(long address) throws GuestException {
        StructLayout.Member name = module.member("name");
        return memory.text("module name", address + name.offset(), (int) Math.min(name.sizeBytes(), LONGEST_NAME));
    }

    private long state(long address) throws GuestException {
        return memory.s32(address + module.offset("state"));
    }

    /// What a `struct module` says of itself.
    KernelModule read(long address) throws GuestException {
        String name = name(address);
        // One region per kind of memory since 6.4 (commit ac3b43283923), core and init layouts before.
        return module.has("mem") ? readRegions(name, address) : readLayout(name, address, "core_layout", "init_layout");
    }

    private KernelModule readRegions(String name, long address) throws GuestException {
        StructLayout region = btf.struct("module_memory");
        StructLayout.Member regions = module.member("mem");
        if (regions.elementCount() > MOST_REGIONS) {
            throw new KernelFormatException("module " + name, address, regions.elementCount() + " regions of memory");
        }
        Block block = memory.block("module " + name, address + regions.offset(), regions.sizeBytes());
        long base = block.s64(region.offset("base"));
        long textSize = block.u32(region.offset("size"));
        // /proc/modules counts every region, those of the init code while it lasts among them
        long total = 0;
        for (int i = 0; i < regions.elementCount(); i++) {
            total += block.u32(i * region.sizeBytes() + region.offset("size"));
        }
        return new KernelModule(name, address, base, total, textSize);
    }

    private KernelModule readLayout(String name, long address, String core, String init) throws GuestException {
        StructLayout layout = btf.struct("module_layout");
        long at = address + module.offset(core);
        long total = memory.s32(at + layout.offset("size")) & 0xffff_ffffL;
        total += memory.s32(address + module.offset(init) + layout.offset("size")) & 0xffff_ffffL;
        return new KernelModule(
                name,
                address,
                memory.s64(at + layout.offset("base")),
                total,
                memory.s32(at + layout.offset("text_size")) & 0xffff_ffffL);
    }

    /// Adds a module's symbols as /proc/kallsyms lists them: upper-case letters for what it exports to everybody. What
    /// it exports to GPL modules only has lower-case ones: the kernel's `is_exported()` does not look there.
    void addSymbols(KernelModule target, SymbolTableBuilder symbols) throws GuestException {
        if (state(target.address()) == coming) {
            // its symbol table is about to move from init to core memory
            return;
        }
        String what = "symbols of module " + target.name();
        long table = memory.s64(target.address() + module.offset("kallsyms"));
        if (table == 0) {
            return;
        }
        long symtab = memory.s64(table + moduleSymbols.offset("symtab"));
        long strtab = memory.s64(table + moduleSymbols.offset("strtab"));
        long typetab = memory.s64(table + moduleSymbols.offset("typetab"));
        int count = memory.s32(table + moduleSymbols.offset("num_symtab"));
        if (count < 0 || count > MOST_SYMBOLS - symbols.size() || symbols.nameBytes() > MOST_NAME_BYTES) {
            throw new KernelFormatException(what, table, count + " symbols");
        }
        Block entries = memory.block(what, symtab, (long) count * SYMBOL_BYTES);
        Block types = memory.block(what, typetab, count);
        Block names = memory.block(what, strtab, stringTableBytes(what, entries, count, strtab));
        ExportedSymbols exports = exports(target);
        symbols.owner(target.name());
        for (int i = 0; i < count; i++) {
            String name = names.text(entries.u32((long) i * SYMBOL_BYTES), LONGEST_NAME);
            if (!name.isEmpty()) {
                long address = entries.s64((long) i * SYMBOL_BYTES + 8);
                char type = (char) types.u8(i);
                boolean upper = exports.contains(name, address);
                symbols.add(address, upper ? Character.toUpperCase(type) : Character.toLowerCase(type), name);
            }
        }
    }

    // The table's length is not kept: it ends with the name that starts last.
    private long stringTableBytes(String what, Block entries, int count, long strtab) throws GuestException {
        long last = 0;
        for (int i = 0; i < count; i++) {
            last = Math.max(last, entries.u32((long) i * SYMBOL_BYTES));
        }
        if (last > LARGEST_NAMES) {
            throw new KernelFormatException(what, strtab, "a name starts " + last + " bytes in");
        }
        return last + memory.text(what, strtab + last, LONGEST_NAME).length();
    }

    private ExportedSymbols exports(KernelModule target) throws GuestException {
        ExportedSymbols exports = new ExportedSymbols(memory, exported, target.name());
        exports.add(pointer(target, "syms"), number(target, "num_syms"));
        return exports;
    }

    /// A pointer member of a `struct module`.
    long pointer(KernelModule target, String member) throws GuestException {
        return memory.s64(target.address() + module.offset(member));
    }

    /// A 32-bit count in a `struct module`; 0 where the kernel was built without it.
    int number(KernelModule target, String member) throws GuestException {
        return module.has(member) ? memory.s32(target.address() + module.offset(member)) : 0;
    }
}
