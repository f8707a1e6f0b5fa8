package dev.plumbline.machine;

import java.util.HashMap;
import java.util.Map;

/// Builds x86-64 page tables in the RAM of a [FakeMachine].
///
/// Tables are taken from a pool that starts with the root; an upper table is made when the first page under it is
/// mapped. Entries are writable and for user mode unless the flags of the page say otherwise.
public final class PageTables {
    public static final long PAGE_4K = 1L << 12;
    public static final long PAGE_2M = 1L << 21;
    public static final long PAGE_1G = 1L << 30;
    public static final long PRESENT = 1;
    public static final long WRITABLE = 2;
    public static final long USER = 4;
    public static final long LARGE = 1 << 7;
    public static final long NO_EXECUTE = 1L << 63;

    private static final long ALL = PRESENT | WRITABLE | USER;

    private final FakeMachine machine;
    private final long root;
    private final int levels;
    private final Map<String, Long> tables = new HashMap<>();
    private long nextTable;

    /// @param machine has RAM from `root` on, 4 KiB for each table
    /// @param levels 4 or 5
    public PageTables(FakeMachine machine, long root, int levels) {
        this(machine, root, levels, root + PAGE_4K);
    }

    /// @param pool where the tables below the root are taken from
    public PageTables(FakeMachine machine, long root, int levels, long pool) {
        this.machine = machine;
        this.root = root;
        this.levels = levels;
        this.nextTable = pool;
    }

    /// Maps a page, present, with the given flags.
    public PageTables map(long virtual, long physical, long pageSize, long flags) {
        int level = levelOf(pageSize);
        long large = level > 1 ? LARGE : 0;
        return putEntry(virtual, level, physical | flags | PRESENT | large);
    }

    /// Puts any value in the entry for `virtual` in the table of the given level, making the tables above it.
    public PageTables putEntry(long virtual, int level, long entry) {
        long table = root;
        for (int upper = levels; upper > level; upper--) {
            table = below(table, virtual, upper);
        }
        machine.putLong(table + 8 * index(virtual, level), entry);
        return this;
    }

    /// The address space under these tables.
    public AddressSpace addressSpace() {
        return new AddressSpace(machine, new PhysicalAddress(root), levels);
    }

    private long below(long table, long virtual, int level) {
        return tables.computeIfAbsent(table + "/" + index(virtual, level), _ -> {
            long made = nextTable;
            nextTable += PAGE_4K;
            machine.putLong(table + 8 * index(virtual, level), made | ALL);
            return made;
        });
    }

    private static long index(long virtual, int level) {
        return (virtual >>> (12 + 9 * (level - 1))) & 0x1ff;
    }

    private static int levelOf(long pageSize) {
        return (Long.numberOfTrailingZeros(pageSize) - 12) / 9 + 1;
    }
}
