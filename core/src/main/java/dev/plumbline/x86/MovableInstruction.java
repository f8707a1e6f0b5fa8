package dev.plumbline.x86;

/// Tells which instructions do the same wherever they stand. Only a few common ones are known, those that
/// compilers begin functions with; the others count as bound to their place. Encodings are those of the Intel
/// SDM, volume 2.
public final class MovableInstruction {
    private MovableInstruction() {}

    /// Whether the instruction at `code[at]` may be copied elsewhere.
    ///
    /// @param lengthBytes the instruction's length
    public static boolean at(byte[] code, int at, int lengthBytes) {
        int opcodeAt = Prefixes.skip(code, at, at + lengthBytes);
        if (opcodeAt == at + lengthBytes) {
            return false;
        }
        int opcode = code[opcodeAt] & 0xff;
        if (opcode >> 4 == 5 || opcode >> 3 == 0xb8 >> 3) {
            return true; // push, pop, mov with an immediate
        }
        return hasOperandByte(opcode) && opcodeAt + 1 < at + lengthBytes && !isRelative(code[opcodeAt + 1]);
    }

    private static boolean hasOperandByte(int opcode) {
        return switch (opcode) {
            case 0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b -> true; // arithmetic
            case 0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0xc0, 0xc1, 0xf6, 0xf7 -> true; // movsxd, arithmetic, test, shifts
            case 0x88, 0x89, 0x8a, 0x8b, 0x8d -> true; // mov, lea
            default -> false;
        };
    }

    // mod 0 with r/m 5 is relative to rip
    private static boolean isRelative(byte operand) {
        return (operand & 0xc7) == 0x05;
    }
}
