package dev.plumbline.machine;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Guest-virtual memory under one set of x86-64 page tables (4 or 5 levels; 4 KiB, 2 MiB and 1 GiB pages), as
/// in the Intel SDM volume 3, chapter 4.
///
/// Page tables once read are kept, at most [#CACHED_TABLES] of them, until [#forgetTranslations()]. An entry
/// that is not present there is read again, so that a page mapped meanwhile is found. For one thread at a time.
public final class AddressSpace {
    /// How many tables of 4 KiB are kept at most.
    public static final int CACHED_TABLES = 256;

    private static final int TABLE_BYTES = 4096;
    private static final long PRESENT = 1;
    private static final long WRITABLE = 1 << 1;
    private static final long USER = 1 << 2;
    private static final long LARGE = 1 << 7;
    private static final long NO_EXECUTE = 1L << 63;
    private static final long FRAME_MASK = 0x000f_ffff_ffff_f000L;
    private static final int TOP_OF_LARGE_PAGES = 3;
    private static final int GOLDEN_RATIO = 0x9e3779b1;

    private final PhysicalMemory memory;
    private final long root;
    private final int levels;
    private final long[] cachedAddresses = new long[CACHED_TABLES];
    private final MemorySegment[] cachedTables = new MemorySegment[CACHED_TABLES];

    /// @param memory where the page tables and the pages are
    /// @param root physical address of the top table, as in CR3; the low 12 bits are ignored
    /// @param levels 4 or 5
    public AddressSpace(PhysicalMemory memory, PhysicalAddress root, int levels) {
        if (levels != 4 && levels != 5) {
            throw new IllegalArgumentException("x86-64 page tables have 4 or 5 levels, not " + levels);
        }
        this.memory = memory;
        this.root = root.value() & FRAME_MASK;
        this.levels = levels;
        forgetTranslations();
    }

    /// Physical address of the top table.
    public PhysicalAddress root() {
        return new PhysicalAddress(root);
    }

    /// How many levels the tables have, 4 or 5.
    public int levels() {
        return levels;
    }

    /// Walks the page tables.
    ///
    /// @throws GuestGoneException if the guest has ended
    /// @throws UnreadableMemoryException if a table lies outside the guest's RAM
    /// @throws GuestException if the hypervisor refuses
    public Translation translate(VirtualAddress address) throws GuestException {
        long virtual = address.value();
        int unusedBits = 64 - (12 + 9 * levels);
        if (virtual << unusedBits >> unusedBits != virtual) {
            return new Translation.Unmapped(0);
        }
        long table = root;
        boolean writable = true;
        boolean executable = true;
        boolean user = true;
        for (int level = levels; ; level--) {
            int shift = 12 + 9 * (level - 1);
            long entry = entry(table, (int) (virtual >>> shift) & 0x1ff);
            if ((entry & PRESENT) == 0) {
                return new Translation.Unmapped(level);
            }
            writable &= (entry & WRITABLE) != 0;
            executable &= (entry & NO_EXECUTE) == 0;
            user &= (entry & USER) != 0;
            if (level == 1 || (level <= TOP_OF_LARGE_PAGES && (entry & LARGE) != 0)) {
                long pageSize = 1L << shift;
                long frame = entry & FRAME_MASK & -pageSize;
                PhysicalAddress physical = new PhysicalAddress(frame + (virtual & (pageSize - 1)));
                return new Translation.Mapped(physical, pageSize, writable, executable, user);
            }
            table = entry & FRAME_MASK;
        }
    }

    /// Fills `destination` with the bytes from the virtual `address` on, across as many pages as it takes.
    ///
    /// @throws UnreadableMemoryException if a page of it is not mapped, or not to RAM
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    public void read(VirtualAddress address, MemorySegment destination) throws GuestException {
        long size = destination.byteSize();
        long done = 0;
        while (done < size) {
            Translation.Mapped first = mapped(address.plus(done));
            long run = restOfPage(first, address.plus(done));
            while (run < size - done
                    && translate(address.plus(done + run)) instanceof Translation.Mapped next
                    && next.address().equals(first.address().plus(run))) {
                run += restOfPage(next, address.plus(done + run));
            }
            run = Math.min(run, size - done);
            memory.read(first.address(), destination.asSlice(done, run));
            done += run;
        }
    }

    /// The physical address behind a virtual one.
    ///
    /// @throws UnreadableMemoryException if it is not mapped
    /// @throws GuestException as [#translate]
    public long physical(VirtualAddress address) throws GuestException {
        return mapped(address).address().value();
    }

    /// Drops all tables read so far; the guest may have changed them.
    public void forgetTranslations() {
        Arrays.fill(cachedTables, null);
    }

    private Translation.Mapped mapped(VirtualAddress address) throws GuestException {
        return switch (translate(address)) {
            case Translation.Mapped mapped -> mapped;
            case Translation.Unmapped _ ->
                throw new UnreadableMemoryException("guest-virtual address " + address + " is not mapped");
        };
    }

    private static long restOfPage(Translation.Mapped page, VirtualAddress address) {
        return page.pageSizeBytes() - (address.value() & (page.pageSizeBytes() - 1));
    }

    private long entry(long table, int index) throws GuestException {
        int slot = (int) (table >>> 12) * GOLDEN_RATIO >>> 24;
        MemorySegment cached = cachedTables[slot];
        if (cached != null && cachedAddresses[slot] == table) {
            long entry = cached.getAtIndex(JAVA_LONG_UNALIGNED, index);
            if ((entry & PRESENT) != 0) {
                return entry;
            }
        }
        return readTable(slot, table).getAtIndex(JAVA_LONG_UNALIGNED, index);
    }

    private MemorySegment readTable(int slot, long table) throws GuestException {
        MemorySegment contents = cachedTables[slot];
        if (contents == null) {
            contents = MemorySegment.ofArray(new long[TABLE_BYTES / Long.BYTES]);
        }
        cachedTables[slot] = null;
        memory.read(new PhysicalAddress(table), contents);
        cachedTables[slot] = contents;
        cachedAddresses[slot] = table;
        return contents;
    }
}
