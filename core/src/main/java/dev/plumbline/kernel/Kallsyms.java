package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.nio.charset.StandardCharsets;

/// The kernel's own symbol table, as `scripts/kallsyms.c` lays it out in read-only data.
///
/// A name is a length (one byte, or two with bit 7 of the first set since Linux 6.1, commit 73bbb94466fd) and as
/// many token numbers; the 256 tokens are NUL-terminated texts, with an index of 256 16-bit offsets behind them.
/// The first character of an expanded name is the type letter. Markers hold the offset of every 256th name. Offsets
/// are 32-bit and relative to a base address; where any is negative, `CONFIG_KALLSYMS_ABSOLUTE_PERCPU` is on:
/// negative ones count down from base - 1 and the others are absolute per-CPU addresses.
///
/// The order in memory:
/// ```
/// before 6.4:  offsets  relative_base  num_syms  names  markers  [seqs_of_names, 6.2]  token_table  token_index
/// since 6.4:   num_syms  names  markers  token_table  token_index  offsets  relative_base  seqs_of_names
/// ```
/// (commit 404bad70fcf7). Each part starts on a multiple of 8 bytes. None of it needs a symbol to be found: see
/// [KallsymsFinder].
///
/// @param names where the names start
/// @param tokenTable where the tokens start
/// @param tokenIndex where the token index starts
/// @param offsets where the offsets start
/// @param count how many symbols there are
/// @param relativeBase the base address
record Kallsyms(
        Block rodata, long names, long tokenTable, long tokenIndex, long offsets, int count, long relativeBase) {
    static final int TOKENS = 256;
    /// The limits keep a table that was tampered with from filling the heap; the largest kernels have a third of it.
    static final int MOST_SYMBOLS = 600_000;

    static final int LONGEST_NAME = 1024;
    private static final int MOST_NAME_BYTES = 24 << 20;

    /// Expands all symbols, in table order, into `symbols`.
    void addTo(SymbolTableBuilder symbols) throws GuestException {
        byte[][] tokens = tokens();
        boolean absolutePerCpu = hasNegativeOffset();
        byte[] bytes = rodata.bytes();
        byte[] name = new byte[LONGEST_NAME];
        long at = names;
        for (int symbol = 0; symbol < count; symbol++) {
            int length = rodata.u8(at++);
            if ((length & 0x80) != 0) {
                length = (length & 0x7f) | rodata.u8(at++) << 7;
            }
            if (at + length > bytes.length) {
                throw rodata.malformed(at, "symbol " + symbol + " has a name that leads out of kallsyms");
            }
            int used = 0;
            int end = (int) at + length;
            for (int i = (int) at; i < end; i++) {
                byte[] token = tokens[bytes[i] & 0xff];
                if (used + token.length > LONGEST_NAME) {
                    throw rodata.malformed(i, "a symbol's name is longer than " + LONGEST_NAME + " characters");
                }
                // Tokens are a few bytes long: a loop is faster than a call to copy them.
                for (byte character : token) {
                    name[used++] = character;
                }
            }
            if (used < 2 || symbols.nameBytes() > MOST_NAME_BYTES) {
                throw rodata.malformed(at, "symbol " + symbol + " has no type and name, or the names do not end");
            }
            at = end;
            symbols.add(address(symbol, absolutePerCpu), (char) name[0], name, 1, used);
        }
    }

    private long address(int symbol, boolean absolutePerCpu) throws KernelFormatException {
        int offset = rodata.s32(offsets + 4L * symbol);
        if (!absolutePerCpu) {
            return relativeBase + (offset & 0xffff_ffffL);
        }
        return offset >= 0 ? offset : relativeBase - 1 - offset;
    }

    private boolean hasNegativeOffset() throws KernelFormatException {
        for (int symbol = 0; symbol < count; symbol++) {
            if (rodata.s32(offsets + 4L * symbol) < 0) {
                return true;
            }
        }
        return false;
    }

    private byte[][] tokens() throws KernelFormatException {
        byte[][] tokens = new byte[TOKENS][];
        for (int token = 0; token < TOKENS; token++) {
            String text = rodata.text(tokenTable + rodata.u16(tokenIndex + 2L * token), LONGEST_NAME);
            tokens[token] = text.getBytes(StandardCharsets.ISO_8859_1);
        }
        return tokens;
    }
}
