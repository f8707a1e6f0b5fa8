package dev.plumbline.x86;

import dev.plumbline.x86.zydis.ZydisDecoder;

/// How many bytes to pass over where there is no instruction. The processor would raise an exception, so no answer is
/// right; GNU objdump's is taken, so that what follows is decoded alike: prefixes, and the opcode as far as its map is
/// known.
final class Undecodable {
    private Undecodable() {}

    /// The length of the undecodable bytes at `code[at]`, which do not end before an instruction would; at least 1.
    static int lengthBytes(byte[] code, int at, int limit) {
        int opcodeAt = Prefixes.skip(code, at, limit - 1);
        int length = opcodeAt - at + opcodeBytes(code, opcodeAt);
        return Math.min(Math.min(limit - at, ZydisDecoder.MAX_LENGTH_BYTES - 1), length);
    }

    private static int opcodeBytes(byte[] code, int at) {
        int second = code[at + 1] & 0xff;
        return switch (code[at] & 0xff) {
            case 0x0f ->
                switch (second) {
                    case 0x0f -> 1;
                    case 0x38, 0x3a -> 3;
                    default -> 2;
                };
            case 0xc5 -> 3;
            case 0xc4 -> isBetween(1, second & 0x1f, 3) ? 4 : 1;
            case 0x8f -> isBetween(8, second & 0x1f, 10) ? 4 : 1;
            case 0x62 -> isEvex(second, code[at + 2]) ? 5 : 1;
            case 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf -> 2 + addressBytes(second, code[at + 2]);
            default -> 1;
        };
    }

    // SIB byte and displacement, Intel SDM volume 2, table 2-2.
    private static int addressBytes(int modrm, byte sib) {
        int mode = modrm >> 6;
        int base = modrm & 7;
        if (mode == 3) {
            return 0;
        }
        int sibBytes = base == 4 ? 1 : 0;
        boolean isBaseless = base == 5 || sibBytes == 1 && (sib & 7) == 5;
        return sibBytes
                + switch (mode) {
                    case 0 -> isBaseless ? 4 : 0;
                    case 1 -> 1;
                    default -> 4;
                };
    }

    private static boolean isBetween(int lowest, int number, int highest) {
        return lowest <= number && number <= highest;
    }

    private static boolean isEvex(int second, int third) {
        int map = second & 7;
        return (second & 8) == 0 && map != 0 && map != 4 && map != 7 && (third & 4) != 0;
    }
}
