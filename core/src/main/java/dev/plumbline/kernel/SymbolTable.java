package dev.plumbline.kernel;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/// The symbols of a kernel and its modules, in the order the kernel lists them. Symbols are numbered from 0; a
/// number is good for this table only. Immutable and safe for threads.
///
/// Kept as a few arrays, because a kernel has some 200,000 symbols and most are never asked for by name.
public final class SymbolTable {
    private static final int MOST_PROBES = 256;

    private final long[] addresses;
    private final byte[] types;
    private final short[] owners;
    private final List<String> ownerNames;
    private final byte[] names;
    private final int[] nameOffsets;
    private final int[] byAddress;
    private final long[] sortedAddresses;
    private final int[] nameIndex;

    /// @param sameKernel a table with the same symbols of the kernel itself under the same numbers, or `null`
    SymbolTable(
            long[] addresses,
            byte[] types,
            short[] owners,
            List<String> ownerNames,
            byte[] names,
            int[] nameOffsets,
            SymbolTable sameKernel) {
        this.addresses = addresses;
        this.types = types;
        this.owners = owners;
        this.ownerNames = List.copyOf(ownerNames);
        this.names = names;
        this.nameOffsets = nameOffsets;
        this.byAddress = sortByAddress(addresses);
        this.sortedAddresses = new long[addresses.length];
        for (int i = 0; i < addresses.length; i++) {
            sortedAddresses[i] = addresses[byAddress[i]];
        }
        this.nameIndex = sameKernel != null ? sameKernel.nameIndex : indexNames();
    }

    /// How many symbols there are.
    public int size() {
        return addresses.length;
    }

    /// The symbol's value: a virtual address, or for per-CPU and absolute symbols a small number.
    public long address(int symbol) {
        return addresses[symbol];
    }

    /// The type letter as `nm` and /proc/kallsyms print it.
    public char type(int symbol) {
        return (char) (types[symbol] & 0xff);
    }

    /// Whether the type letter says code: t, T, w or W.
    public boolean isText(int symbol) {
        int lower = types[symbol] | 0x20;
        return lower == 't' || lower == 'w';
    }

    /// The symbol's name without its owner.
    public String name(int symbol) {
        int start = nameOffsets[symbol];
        return new String(names, start, nameOffsets[symbol + 1] - start, StandardCharsets.ISO_8859_1);
    }

    /// Whether the symbol's name begins with `prefix`, without making a text of it.
    public boolean nameStartsWith(int symbol, String prefix) {
        int start = nameOffsets[symbol];
        if (nameOffsets[symbol + 1] - start < prefix.length()) {
            return false;
        }
        for (int i = 0; i < prefix.length(); i++) {
            if (names[start + i] != prefix.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /// The module the symbol belongs to (`bpf` for BPF programs), or `null` for the kernel itself.
    public String owner(int symbol) {
        return owners[symbol] < 0 ? null : ownerNames.get(owners[symbol]);
    }

    /// The first symbol of the kernel itself that has this name.
    public OptionalInt find(String name) {
        byte[] wanted = name.getBytes(StandardCharsets.ISO_8859_1);
        int mask = nameIndex.length - 1;
        for (int slot = hash(wanted, 0, wanted.length) & mask; nameIndex[slot] != 0; slot = (slot + 1) & mask) {
            int symbol = nameIndex[slot] - 1;
            if (nameEquals(symbol, wanted, 0, wanted.length)) {
                return OptionalInt.of(symbol);
            }
        }
        return OptionalInt.empty();
    }

    /// Whether the symbol's name starts with `prefix`.
    boolean nameStartsWith(int symbol, byte[] prefix) {
        int start = nameOffsets[symbol];
        int end = Math.min(start + prefix.length, nameOffsets[symbol + 1]);
        return Arrays.equals(names, start, end, prefix, 0, prefix.length);
    }

    int nameBytes() {
        return names.length;
    }

    List<String> ownerNames() {
        return ownerNames;
    }

    void copyTo(long[] addresses, byte[] types, short[] owners, int[] nameOffsets, byte[] names) {
        System.arraycopy(this.addresses, 0, addresses, 0, size());
        System.arraycopy(this.types, 0, types, 0, size());
        System.arraycopy(this.owners, 0, owners, 0, size());
        System.arraycopy(this.nameOffsets, 0, nameOffsets, 0, size() + 1);
        System.arraycopy(this.names, 0, names, 0, this.names.length);
    }

    /// Position in address order of the last symbol at or before `address` (unsigned), or -1 if there is none.
    public int floorRank(long address) {
        int low = 0;
        int high = sortedAddresses.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(sortedAddresses[middle], address) <= 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }

    /// The symbol at a position in address order; symbols of one address keep the order of the kernel's list.
    ///
    /// @param rank 0 to [#size()] - 1
    public int atRank(int rank) {
        return byAddress[rank];
    }

    // Address order with ties in list order, by a stable merge sort of indices. The kernel lists its own symbols in
    // address order: only what follows needs sorting, and is merged with them at the end.
    private static int[] sortByAddress(long[] addresses) {
        int[] order = new int[addresses.length];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        int sorted = Math.min(1, order.length);
        while (sorted < order.length && Long.compareUnsigned(addresses[sorted - 1], addresses[sorted]) <= 0) {
            sorted++;
        }
        if (sorted < order.length) {
            int[] from = order.clone();
            mergeSort(order, from, sorted, order.length, addresses);
            merge(from, order, 0, sorted, order.length, addresses);
        }
        return order;
    }

    private static void mergeSort(int[] from, int[] to, int start, int end, long[] keys) {
        if (end - start < 2) {
            return;
        }
        int middle = (start + end) >>> 1;
        mergeSort(to, from, start, middle, keys);
        mergeSort(to, from, middle, end, keys);
        merge(from, to, start, middle, end, keys);
    }

    private static void merge(int[] from, int[] to, int start, int middle, int end, long[] keys) {
        if (Long.compareUnsigned(keys[from[middle - 1]], keys[from[middle]]) <= 0) {
            System.arraycopy(from, start, to, start, end - start);
            return;
        }
        int left = start;
        int right = middle;
        for (int i = start; i < end; i++) {
            boolean takeLeft =
                    right >= end || (left < middle && Long.compareUnsigned(keys[from[left]], keys[from[right]]) <= 0);
            to[i] = takeLeft ? from[left++] : from[right++];
        }
    }

    // Open addressing; 0 is an empty slot, n+1 stands for symbol n. Only the kernel's own symbols are found by name.
    // With half of the slots empty no name is ever far from its place: one that is was made to collide, and is left
    // out.
    private int[] indexNames() {
        int[] index = new int[Integer.highestOneBit(Math.max(8, addresses.length * 2)) << 1];
        int mask = index.length - 1;
        for (int symbol = 0; symbol < addresses.length; symbol++) {
            if (owners[symbol] >= 0) {
                continue;
            }
            int start = nameOffsets[symbol];
            int end = nameOffsets[symbol + 1];
            int slot = hash(names, start, end) & mask;
            int probes = 0;
            while (index[slot] != 0 && ++probes < MOST_PROBES && !nameEquals(index[slot] - 1, names, start, end)) {
                slot = (slot + 1) & mask;
            }
            if (index[slot] == 0) {
                index[slot] = symbol + 1;
            }
        }
        return index;
    }

    private boolean nameEquals(int symbol, byte[] other, int start, int end) {
        return Arrays.equals(names, nameOffsets[symbol], nameOffsets[symbol + 1], other, start, end);
    }

    private static int hash(byte[] bytes, int start, int end) {
        int hash = 0x811c9dc5;
        for (int i = start; i < end; i++) {
            hash = (hash ^ bytes[i]) * 0x01000193;
        }
        return hash ^ (hash >>> 15);
    }
}
