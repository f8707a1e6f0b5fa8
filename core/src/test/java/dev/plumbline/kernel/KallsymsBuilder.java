package dev.plumbline.kernel;

import java.util.ArrayList;
import java.util.List;

/// Builds the tables of `kernel/kallsyms.c` as `scripts/kallsyms.c` lays them out.
public final class KallsymsBuilder {
    private static final String[] LONG_TOKENS = {"filler_", "__x64_sys_", "tT", "__", "sys_", "start"};

    private final List<Symbol> symbols = new ArrayList<>();
    private final List<Integer> markers = new ArrayList<>();
    private Order order = Order.SINCE_6_4;
    private boolean absolutePerCpu = true;

    /// Orders of the tables in memory.
    public enum Order {
        BEFORE_6_2,
        BEFORE_6_4,
        SINCE_6_4
    }

    record Symbol(long address, char type, String name) {}

    KallsymsBuilder order(Order newOrder) {
        order = newOrder;
        return this;
    }

    /// `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`: whether addresses below the base are kept, as absolute ones.
    KallsymsBuilder absolutePerCpu(boolean on) {
        absolutePerCpu = on;
        return this;
    }

    KallsymsBuilder add(long address, char type, String name) {
        symbols.add(new Symbol(address, type, name));
        return this;
    }

    List<Symbol> symbols() {
        return symbols;
    }

    /// @param base `kallsyms_relative_base`
    /// @return the tables, to be put at a multiple of 8 bytes
    byte[] build(long base) {
        byte[] names = names();
        Bytes table = new Bytes();
        Bytes index = new Bytes();
        for (int token = 0; token < 256; token++) {
            index.u16(table.size());
            table.text(token(token));
        }
        Bytes offsets = new Bytes();
        for (Symbol symbol : symbols) {
            boolean absolute = Long.compareUnsigned(symbol.address(), base) < 0;
            offsets.u32(
                    !absolutePerCpu
                            ? symbol.address() - base
                            : absolute ? symbol.address() : base - 1 - symbol.address());
        }
        Bytes all = new Bytes();
        if (order != Order.SINCE_6_4) {
            all.raw(offsets.array()).align(8).u64(base);
        }
        all.u64(symbols.size()).raw(names).align(8);
        markers.forEach(all::u32);
        all.align(8);
        if (order == Order.BEFORE_6_4) {
            all.raw(sequences()).align(8);
        }
        all.raw(table.array()).align(8).raw(index.array()).align(8);
        if (order == Order.SINCE_6_4) {
            all.raw(offsets.array()).align(8).u64(base).raw(sequences()).align(8);
        }
        return all.array();
    }

    // kallsyms_seqs_of_names: three bytes for each symbol; nobody here reads it.
    private byte[] sequences() {
        return new byte[symbols.size() * 3];
    }

    private byte[] names() {
        Bytes names = new Bytes();
        markers.clear();
        for (int i = 0; i < symbols.size(); i++) {
            if (i % 256 == 0) {
                markers.add(names.size());
            }
            byte[] tokens = tokens(symbols.get(i).type() + symbols.get(i).name());
            if (tokens.length < 128) {
                names.u8(tokens.length);
            } else {
                names.u8(tokens.length & 0x7f | 0x80).u8(tokens.length >> 7);
            }
            names.raw(tokens);
        }
        return names.array();
    }

    // Tokens 33 to 126 are the characters themselves, those before are longer, the others stay empty.
    private static String token(int number) {
        if (number >= 1 && number <= LONG_TOKENS.length) {
            return LONG_TOKENS[number - 1];
        }
        return number > 32 && number < 127 ? String.valueOf((char) number) : "";
    }

    private static byte[] tokens(String text) {
        Bytes tokens = new Bytes();
        for (int at = 0; at < text.length(); ) {
            int token = 1;
            while (token <= LONG_TOKENS.length && !text.startsWith(LONG_TOKENS[token - 1], at)) {
                token++;
            }
            boolean isLong = token <= LONG_TOKENS.length;
            tokens.u8(isLong ? token : text.charAt(at));
            at += isLong ? LONG_TOKENS[token - 1].length() : 1;
        }
        return tokens.array();
    }
}
