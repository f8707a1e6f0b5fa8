package dev.plumbline.kernel;

/// A module of a [FakeLinux]: three pages, the first two of them code; its tables lie in the third.
public final class FakeModule {
    static final int TEXT_BYTES = 0x2000;
    private static final int SIZE_BYTES = 0x3000;
    /// In real modules, too, nothing keeps it at a multiple of anything.
    private static final int STATIC_CALLS_AT = 0x401;

    private final FakeLinux linux;
    private final FakeTypes types;
    private final String name;
    private final long base;
    private final long address;
    private final Bytes symtab = new Bytes().u64(0).u64(0).u64(0);
    private final Bytes typetab = new Bytes().u8('?');
    private final Bytes strtab = new Bytes().u8(0);
    private final Bytes exports = new Bytes();
    private final Bytes exportNames = new Bytes();
    private int exportCount;

    FakeModule(FakeLinux linux, String name, long base, boolean regions) {
        this.linux = linux;
        this.types = linux.types();
        this.name = name;
        this.base = base;
        this.address = linux.heap(types.size("module"));
        linux.put(address + types.offset("module.name"), new Bytes().text(name).array());
        for (int i = 0; i < TEXT_BYTES; i += 8) {
            linux.putLong(base + i, base + i);
        }
        long text = address + types.offset(regions ? "module.mem" : "module.core_layout");
        String part = regions ? "module_memory" : "module_layout";
        linux.putLong(text + types.offset(part + ".base"), base);
        if (regions) {
            linux.putInt(text + types.offset(part + ".size"), TEXT_BYTES);
            linux.putInt(text + 32 + types.offset(part + ".size"), SIZE_BYTES - TEXT_BYTES);
        } else {
            linux.putInt(text + types.offset(part + ".size"), SIZE_BYTES);
            linux.putInt(text + types.offset(part + ".text_size"), TEXT_BYTES);
        }
    }

    /// Adds a symbol; the kernel keeps its letter beside its ELF symbol.
    public FakeModule symbol(String symbol, char type, long symbolAddress) {
        symtab.u32(strtab.size()).u32(0).u64(symbolAddress).u64(0);
        typetab.u8(type);
        strtab.text(symbol);
        return this;
    }

    /// Makes it export a symbol; all names go first, the table of 12-byte entries behind them.
    FakeModule exported(String symbol, long symbolAddress) {
        exports.u64(symbolAddress).u32(exportNames.size());
        exportNames.text(symbol);
        exportCount++;
        return this;
    }

    public FakeModule staticKeys(long... sites) {
        return patchTable("jump_entries", 16, sites);
    }

    public FakeModule staticCalls(long... sites) {
        return patchTable("static_call_sites", 8, sites);
    }

    private FakeModule patchTable(String table, int entryBytes, long... sites) {
        long start = base + TEXT_BYTES + (entryBytes == 16 ? 0 : STATIC_CALLS_AT);
        linux.putRelative(start, entryBytes, sites);
        linux.putLong(address + types.offset("module." + table), start);
        linux.putInt(address + types.offset("module.num_" + table), sites.length);
        return this;
    }

    /// Gives each static call its key.
    public FakeModule staticCallKeys(long... keys) {
        for (int i = 0; i < keys.length; i++) {
            long at = base + TEXT_BYTES + STATIC_CALLS_AT + 8L * i + 4;
            linux.putInt(at, (int) (keys[i] - at));
        }
        return this;
    }

    /// Gives it type information, as the kernel keeps it while the module is there.
    ///
    /// @param id the kernel's number for it
    /// @return address of its `struct btf`
    long typed(int id, byte... section) {
        long btf = linux.heap(types.size("btf"));
        linux.putLong(btf + types.offset("btf.data"), linux.put(linux.heap(section.length), section));
        linux.putInt(btf + types.offset("btf.data_size"), section.length);
        linux.putInt(btf + types.offset("btf.start_id"), types.count() + 1);
        linux.putInt(btf + types.offset("btf.id"), id);
        long listed = linux.heap(types.size("btf_module"));
        linux.putLong(listed + types.offset("btf_module.module"), address);
        linux.putLong(listed + types.offset("btf_module.btf"), btf);
        linux.append(linux.address("btf_modules"), listed + types.offset("btf_module.list"));
        return btf;
    }

    /// Puts it into the tree by which the kernel finds modules by address, below a node or as the root.
    ///
    /// @param parent what holds the link to it
    /// @return address of its `struct rb_node`
    long inTree(long parent) {
        long node = linux.heap(types.size("mod_tree_node"));
        linux.putLong(node + types.offset("mod_tree_node.mod"), address);
        linux.putLong(parent, node + types.offset("mod_tree_node.node"));
        return node + types.offset("mod_tree_node.node");
    }

    FakeModule state(int state) {
        linux.putInt(address + types.offset("module.state"), state);
        return this;
    }

    public long base() {
        return base;
    }

    /// Address of its `struct module`.
    long address() {
        return address;
    }

    /// What the readers must make of it.
    KernelModule expected() {
        return new KernelModule(name, address, base, SIZE_BYTES, TEXT_BYTES);
    }

    /// Puts it into the list of modules, as the oldest so far.
    public FakeLinux load() {
        long kallsyms = linux.heap(types.size("mod_kallsyms"));
        linux.putLong(kallsyms + types.offset("mod_kallsyms.symtab"), bytes(symtab));
        linux.putLong(kallsyms + types.offset("mod_kallsyms.strtab"), bytes(strtab));
        linux.putLong(kallsyms + types.offset("mod_kallsyms.typetab"), bytes(typetab));
        linux.putInt(kallsyms + types.offset("mod_kallsyms.num_symtab"), typetab.size());
        linux.putLong(address + types.offset("module.kallsyms"), kallsyms);
        putExports();
        linux.append(linux.address("modules"), address + types.offset("module.list"));
        return linux;
    }

    // An entry's members are offsets from themselves; they reach 2 GiB, so table and names lie in module memory.
    private void putExports() {
        long names = linux.put(base + TEXT_BYTES + 0x600, exportNames.array());
        long table = base + TEXT_BYTES + 0x800;
        java.nio.ByteBuffer entries = java.nio.ByteBuffer.wrap(exports.array()).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < exportCount; i++) {
            long entry = table + (long) i * types.size("kernel_symbol");
            long value = entry + types.offset("kernel_symbol.value_offset");
            long text = entry + types.offset("kernel_symbol.name_offset");
            linux.putInt(value, (int) (entries.getLong() - value));
            linux.putInt(text, (int) (names + entries.getInt() - text));
        }
        linux.putLong(address + types.offset("module.syms"), table);
        linux.putInt(address + types.offset("module.num_syms"), exportCount);
    }

    private long bytes(Bytes bytes) {
        return linux.put(linux.heap(bytes.size()), bytes.array());
    }
}
