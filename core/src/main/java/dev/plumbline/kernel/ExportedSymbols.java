package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.HashMap;
import java.util.Map;

/// What a module exports: its tables of `struct kernel_symbol`, whose members are offsets relative to themselves
/// (`CONFIG_HAVE_ARCH_PREL32_RELOCATIONS`, always on for x86-64 since 4.19).
final class ExportedSymbols {
    private static final int MOST_EXPORTS = 20_000;
    private static final int LONGEST_NAME = 512;

    private final KernelMemory memory;
    private final StructLayout layout;
    private final String module;
    private final Map<String, Long> addresses = new HashMap<>();

    ExportedSymbols(KernelMemory memory, StructLayout layout, String module) {
        this.memory = memory;
        this.layout = layout;
        this.module = module;
    }

    void add(long table, int count) throws GuestException {
        String what = "exports of module " + module;
        if (count < 0 || count > MOST_EXPORTS) {
            throw new KernelFormatException(what, table, count + " exports");
        }
        long valueOffset = layout.offset("value_offset");
        long nameOffset = layout.offset("name_offset");
        Block entries = memory.block(what, table, count == 0 ? 0 : count * layout.sizeBytes());
        for (int i = 0; i < count; i++) {
            long value = i * layout.sizeBytes() + valueOffset;
            long name = i * layout.sizeBytes() + nameOffset;
            String text = memory.text(what, table + name + entries.s32(name), LONGEST_NAME);
            addresses.putIfAbsent(text, table + value + entries.s32(value));
        }
    }

    boolean contains(String name, long address) {
        Long exported = addresses.get(name);
        return exported != null && exported == address;
    }
}
