package dev.plumbline.kernel;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Collects symbols, in the order they are to be listed, into a [SymbolTable]. For one thread.
public final class SymbolTableBuilder {
    private long[] addresses;
    private byte[] types;
    private short[] owners;
    private int[] nameOffsets;
    private byte[] names;
    private int count;
    private final List<String> ownerNames = new ArrayList<>();
    private short currentOwner = -1;
    private SymbolTable first;
    private boolean addedToKernel;

    /// @param expectedSymbols room to start with; it grows
    public SymbolTableBuilder(int expectedSymbols) {
        int capacity = Math.max(16, expectedSymbols);
        addresses = new long[capacity];
        types = new byte[capacity];
        owners = new short[capacity];
        nameOffsets = new int[capacity + 1];
        names = new byte[capacity * 24];
    }

    /// Symbols added from now on belong to this module.
    ///
    /// @param module the module's name, or `null` for the kernel itself
    public SymbolTableBuilder owner(String module) {
        if (module == null) {
            currentOwner = -1;
            return this;
        }
        int known = ownerNames.indexOf(module);
        if (known < 0) {
            known = ownerNames.size();
            ownerNames.add(module);
        }
        currentOwner = (short) known;
        return this;
    }

    /// Adds a symbol.
    ///
    /// @param type the letter `nm` prints
    public SymbolTableBuilder add(long address, char type, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
        return add(address, type, bytes, 0, bytes.length);
    }

    /// Adds a symbol whose name is `name[start..end)`.
    public SymbolTableBuilder add(long address, char type, byte[] name, int start, int end) {
        ensureRoom(end - start);
        System.arraycopy(name, start, names, nameOffsets[count], end - start);
        addresses[count] = address;
        types[count] = (byte) type;
        owners[count] = currentOwner;
        addedToKernel |= currentOwner < 0;
        count++;
        nameOffsets[count] = nameOffsets[count - 1] + end - start;
        return this;
    }

    /// Starts with all of another table, owners included.
    ///
    /// @param table becomes the start of the table built; its index of names is taken over
    static SymbolTableBuilder startingWith(SymbolTable table, int expectedMore) {
        SymbolTableBuilder builder = new SymbolTableBuilder(table.size() + expectedMore);
        builder.first = table;
        builder.ownerNames.addAll(table.ownerNames());
        builder.ensureRoom(table.nameBytes());
        builder.count = table.size();
        table.copyTo(builder.addresses, builder.types, builder.owners, builder.nameOffsets, builder.names);
        return builder;
    }

    /// How many symbols have been added.
    public int size() {
        return count;
    }

    /// How long all names added so far are, together.
    int nameBytes() {
        return nameOffsets[count];
    }

    /// The table of what was added so far.
    public SymbolTable build() {
        return new SymbolTable(
                Arrays.copyOf(addresses, count),
                Arrays.copyOf(types, count),
                Arrays.copyOf(owners, count),
                ownerNames,
                Arrays.copyOf(names, nameOffsets[count]),
                Arrays.copyOf(nameOffsets, count + 1),
                addedToKernel ? null : first);
    }

    private void ensureRoom(int nameBytes) {
        if (count == addresses.length) {
            int capacity = count * 2;
            addresses = Arrays.copyOf(addresses, capacity);
            types = Arrays.copyOf(types, capacity);
            owners = Arrays.copyOf(owners, capacity);
            nameOffsets = Arrays.copyOf(nameOffsets, capacity + 1);
        }
        if (nameOffsets[count] + nameBytes > names.length) {
            names = Arrays.copyOf(names, Math.max(names.length * 2, nameOffsets[count] + nameBytes));
        }
    }
}
