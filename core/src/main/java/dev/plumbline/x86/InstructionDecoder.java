package dev.plumbline.x86;

import dev.plumbline.x86.zydis.ZydisDecoder;
import dev.plumbline.x86.zydis.ZydisLibrary;
import dev.plumbline.x86.zydis.ZydisUnavailableException;

/// Length and flow of instructions, at the rate at which all code of a kernel is to be read. Not safe for threads.
///
/// Zydis says what an instruction is; its answers are remembered. Length, validity and flow of an instruction of the
/// one-byte and 0F opcode maps depend on no more than: which prefixes there are, the opcode, the byte after it (ModRM,
/// where there is one), and whether a SIB byte behind that names base 5, which adds a displacement (Intel SDM volume 2,
/// chapter 2). So the first instruction of each such shape is decoded by Zydis and all later ones are looked up.
/// Everything else (VEX, EVEX, XOP, the maps 0F38 and 0F3A, address-size prefixes, long chains of prefixes, what is no
/// instruction) goes to Zydis each time.
///
/// Where the processor's manual leaves a choice, GNU objdump's is taken: prefixes up to a REX prefix that another
/// prefix makes void stand alone, a lock prefix where none is allowed is passed over, bytes that are no instruction
/// are passed over as [Undecodable] says, and only one byte where an instruction is cut off.
public final class InstructionDecoder {
    /// Arrays handed to [#decode] have this many bytes behind the limit; their values do not matter.
    public static final int LOOKAHEAD_BYTES = 16;

    // A row of answers for each set of prefixes and each map; it is indexed by opcode and the byte after it.
    private static final int REX = 1; // for the first of the sixteen, in five bits; 0 is none
    private static final int REX_BITS = 0x1f;
    private static final int OPERAND_SIZE = 1 << 5;
    private static final int SEGMENT = 1 << 6;
    private static final int REPNE = 1 << 7;
    private static final int REPE = 1 << 8;
    private static final int REPEATS = REPNE | REPE; // of both the last counts, and a row does not tell which it was
    private static final int LOCK = 1 << 9;
    private static final int MAP_0F = 1 << 10;
    private static final int SIB_BASE_5 = 1 << 11;
    private static final int ROWS = 1 << 12;
    private static final int ROW_BYTES = 1 << 16;

    // What a byte means where an opcode is expected; above 0: the row bits of a prefix.
    private static final int OPCODE = 0;
    private static final int ESCAPE_0F = -1;
    private static final int NOT_REMEMBERED = -2;
    private static final short[] MEANINGS = meanings();

    // With four prefixes the rest has at most 11 bytes, so that a length always fits in four bits.
    private static final int MAX_PREFIXES = 4;
    private static final int SEQUENTIAL = InstructionFlow.SEQUENTIAL.ordinal() << 4;
    private static final int INVALID = InstructionFlow.INVALID.ordinal() << 4;

    private final ZydisDecoder zydis;
    private final byte[][] rows = new byte[ROWS][];
    private int misses;

    /// A decoder that has seen nothing yet.
    ///
    /// @throws ZydisUnavailableException if Zydis cannot be loaded
    public InstructionDecoder() throws ZydisUnavailableException {
        zydis = new ZydisDecoder(ZydisLibrary.load());
    }

    /// Decodes the instruction at `code[at]`, which has to end before `code[limit]`.
    ///
    /// @param at 0 to `limit` - 1
    /// @param limit at most `code.length` - [#LOOKAHEAD_BYTES]
    /// @return the length in bytes, 1 to 15 and never beyond the limit, in the lower four bits ([#length]);
    /// the flow above ([InstructionFlow#of])
    public int decode(byte[] code, int at, int limit) {
        int position = at;
        int row = 0;
        int meaning = MEANINGS[code[at] & 0xff];
        while (meaning > 0) {
            if ((row & REX_BITS) != 0) {
                return Math.min(position, limit) - at | SEQUENTIAL;
            }
            if (position - at == MAX_PREFIXES) {
                return ask(code, at, limit);
            }
            row |= meaning;
            meaning = MEANINGS[code[++position] & 0xff];
        }
        int prefixes = position - at;
        if (meaning != OPCODE || (row & REPEATS) == REPEATS) {
            if (meaning != ESCAPE_0F || (row & REPEATS) == REPEATS || leadsToOtherMap(code[++position])) {
                return ask(code, at, limit);
            }
            row |= MAP_0F;
        }
        int next = code[position + 1];
        if ((next & 0xc7) == 4 && (code[position + 2] & 7) == 5) {
            row |= SIB_BASE_5;
        }
        byte[] answers = rows[row];
        int shape = (code[position] & 0xff) << 8 | next & 0xff;
        int known = answers == null ? 0 : answers[shape] & 0xff;
        if (known == 0 || (known & 15) + prefixes > limit - at) {
            return learn(code, at, limit, row, shape, prefixes);
        }
        return known + prefixes;
    }

    /// The length part of what [#decode] returned, in bytes.
    public static int length(int decoded) {
        return decoded & 15;
    }

    /// How many instructions Zydis itself has decoded so far.
    int misses() {
        return misses;
    }

    private int learn(byte[] code, int at, int limit, int row, int shape, int prefixes) {
        int decoded = ask(code, at, limit);
        if (decoded >> 4 != INVALID >> 4) {
            if (rows[row] == null) {
                rows[row] = new byte[ROW_BYTES];
            }
            rows[row][shape] = (byte) (decoded - prefixes);
        }
        return decoded;
    }

    private int ask(byte[] code, int at, int limit) {
        misses++;
        int length = zydis.decode(code, at, limit);
        if (length == 0 && zydis.wronglyLocked()) {
            length = lengthWithoutLock(code, at, limit);
        }
        if (length == 0) {
            return INVALID | (zydis.truncated() ? 1 : Undecodable.lengthBytes(code, at, limit));
        }
        return flow(code, at, limit).ordinal() << 4 | length;
    }

    private int lengthWithoutLock(byte[] code, int at, int limit) {
        byte[] unlocked = new byte[ZydisDecoder.MAX_LENGTH_BYTES];
        int kept = 0;
        int locks = 0;
        int end = Math.min(limit - at, ZydisDecoder.MAX_LENGTH_BYTES);
        int opcodeAt = Prefixes.skip(code, at, limit) - at;
        for (int i = 0; i < end; i++) {
            if (i < opcodeAt && (code[at + i] & 0xff) == 0xf0) {
                locks++;
            } else {
                unlocked[kept++] = code[at + i];
            }
        }
        int length = zydis.decode(unlocked, 0, kept);
        return length == 0 ? 0 : length + locks;
    }

    private InstructionFlow flow(byte[] code, int at, int limit) {
        if (!zydis.legacyEncoding() || zydis.opcodeMap() > 1) {
            return InstructionFlow.SEQUENTIAL;
        }
        if (zydis.opcodeMap() == 1) {
            return InstructionFlow.ofTwoByteOpcode(zydis.opcode());
        }
        int opcodeAt = Prefixes.skip(code, at, limit);
        if (zydis.opcode() == 0x90 && isExchangeOrPause(code, at, opcodeAt)) {
            return InstructionFlow.SEQUENTIAL;
        }
        return InstructionFlow.ofOneByteOpcode(zydis.opcode(), code[opcodeAt + 1]);
    }

    // 90 exchanges r8 and rax where REX.B is set, and is a pause behind F3.
    private static boolean isExchangeOrPause(byte[] code, int at, int opcodeAt) {
        for (int i = at; i < opcodeAt; i++) {
            if ((code[i] & 0xff) == 0xf3 || Prefixes.isRex(code[i] & 0xff) && (code[i] & 1) != 0) {
                return true;
            }
        }
        return false;
    }

    private static boolean leadsToOtherMap(byte secondOpcode) {
        return secondOpcode == 0x38 || secondOpcode == 0x3a || secondOpcode == 0x0f;
    }

    private static short[] meanings() {
        short[] meanings = new short[256];
        for (int octet = 0; octet < 256; octet++) {
            meanings[octet] = (short)
                    switch (octet) {
                        case 0x0f -> ESCAPE_0F;
                        case 0x62, 0xc4, 0xc5, 0x8f, Prefixes.ADDRESS_SIZE -> NOT_REMEMBERED;
                        case Prefixes.OPERAND_SIZE -> OPERAND_SIZE;
                        case 0xf0 -> LOCK;
                        case 0xf2 -> REPNE;
                        case 0xf3 -> REPE;
                        default -> {
                            if (Prefixes.isRex(octet)) {
                                yield (octet & 15) + REX;
                            }
                            yield Prefixes.isSegment(octet) ? SEGMENT : OPCODE;
                        }
                    };
        }
        return meanings;
    }
}
