package dev.plumbline.x86;

/// Reads where direct calls and jumps go. Takes the bytes of an instruction known to be one; safe for threads.
public final class DirectBranch {
    private DirectBranch() {}

    /// The target of the direct call or jump at `code[at]`. An operand-size prefix without REX.W makes the target of a
    /// near branch 16 bits wide, as on AMD's processors and in GNU objdump.
    ///
    /// @param lengthBytes the instruction's length
    /// @param address its virtual address
    public static long target(byte[] code, int at, int lengthBytes, long address) {
        int position = at;
        boolean narrow = false;
        boolean wide = false;
        for (int octet = code[position] & 0xff; Prefixes.isPrefix(octet); octet = code[++position] & 0xff) {
            narrow |= octet == Prefixes.OPERAND_SIZE;
            wide = (octet & 0xf8) == 0x48;
        }
        long next = address + lengthBytes;
        int end = at + lengthBytes;
        if (isShort(code[position] & 0xff)) {
            return next + code[end - 1];
        }
        if (narrow && !wide) {
            return next + (code[end - 2] & 0xff | code[end - 1] << 8) & 0xffff;
        }
        return next + littleEndianInt(code, end - 4);
    }

    static int littleEndianInt(byte[] code, int at) {
        return code[at] & 0xff | (code[at + 1] & 0xff) << 8 | (code[at + 2] & 0xff) << 16 | code[at + 3] << 24;
    }

    private static boolean isShort(int opcode) {
        return opcode == 0xeb || opcode >> 4 == 7 || opcode >> 2 == 0xe0 >> 2;
    }
}
