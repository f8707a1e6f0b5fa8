package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads the type information of modules: `btf_modules`, a list of `struct btf_module` that lead to a `struct btf` each
/// (kernel/bpf/btf.c, since 5.11). What `struct module` points to while it is loaded is given back then. Modules built
/// apart from the kernel may bring a small base of their own; before they are listed the kernel has renumbered their
/// types to go on where its own end (6.11).
final class ModuleTypesReader {
    private static final int MOST_MODULES = 10_000;
    private static final int MOST_BYTES = 16 << 20;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf core;

    ModuleTypesReader(KernelMemory memory, KernelSymbols symbols, Btf core) {
        this.memory = memory;
        this.symbols = symbols;
        this.core = core;
    }

    /// Where a module's type information lies.
    ///
    /// @param module its name
    /// @param address that of its `struct btf`
    /// @param id the kernel's number for it, used once
    record Source(String module, long address, int id) {}

    /// Those of modules that have any, and are in the list of modules.
    List<Source> sources(List<KernelModule> modules) throws GuestException {
        List<Source> sources = new ArrayList<>();
        var head = symbols.find("btf_modules");
        if (head.isEmpty()) {
            return sources;
        }
        Map<Long, String> names = new HashMap<>();
        modules.forEach(module -> names.put(module.address(), module.name()));
        StructLayout entry = core.struct("btf_module");
        StructLayout types = core.struct("btf");
        KernelList.walk(memory, "list of modules' types", head.getAsLong(), MOST_MODULES, link -> {
            long start = link - entry.offset("list");
            String name = names.get(memory.s64(start + entry.offset("module")));
            if (name != null) {
                long address = memory.s64(start + entry.offset("btf"));
                sources.add(new Source(name, address, memory.s32(address + types.offset("id"))));
            }
        });
        return sources;
    }

    /// A module's types, behind the kernel's.
    Btf read(Source source) throws GuestException {
        StructLayout types = core.struct("btf");
        long first = memory.s32(source.address() + types.offset("start_id")) & 0xffff_ffffL;
        long size = memory.s32(source.address() + types.offset("data_size")) & 0xffff_ffffL;
        String what = "types of module " + source.module();
        if (first != core.typeCount() + 1L || size > MOST_BYTES) {
            throw new KernelFormatException(
                    what, source.address(), "%d bytes, the first type is number %d".formatted(size, first));
        }
        return Btf.parse(memory.block(what, memory.s64(source.address() + types.offset("data")), size), core);
    }
}
