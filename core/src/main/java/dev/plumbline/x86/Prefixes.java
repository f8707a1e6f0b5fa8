package dev.plumbline.x86;

/// The prefix bytes of 64-bit mode.
final class Prefixes {
    static final int OPERAND_SIZE = 0x66;
    static final int ADDRESS_SIZE = 0x67;

    // Asked for each branch of a kernel, hence a table.
    private static final boolean[] IS_PREFIX = new boolean[256];

    static {
        for (int octet = 0; octet < IS_PREFIX.length; octet++) {
            IS_PREFIX[octet] = isRex(octet) || isLegacy(octet);
        }
    }

    private Prefixes() {}

    static boolean isPrefix(int octet) {
        return IS_PREFIX[octet];
    }

    static boolean isRex(int octet) {
        return (octet & 0xf0) == 0x40;
    }

    static boolean isSegment(int octet) {
        return octet == 0x26 || octet == 0x2e || octet == 0x36 || octet == 0x3e || octet == 0x64 || octet == 0x65;
    }

    private static boolean isLegacy(int octet) {
        return isSegment(octet)
                || octet == OPERAND_SIZE
                || octet == ADDRESS_SIZE
                || octet == 0xf0
                || octet == 0xf2
                || octet == 0xf3;
    }

    /// Position of the first byte at or after `at` that is no prefix, at most `limit`.
    static int skip(byte[] code, int at, int limit) {
        int position = at;
        while (position < limit && isPrefix(code[position] & 0xff)) {
            position++;
        }
        return position;
    }
}
