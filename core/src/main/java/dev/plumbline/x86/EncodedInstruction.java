package dev.plumbline.x86;

import dev.plumbline.x86.zydis.ZydisDecoder;
import java.util.Arrays;
import java.util.Optional;

/// An instruction of 64-bit mode taken apart. What follows the opcode is known for those of [InstructionEmulator] only;
/// what is said of any other is not to be used. Format: Intel SDM volume 2, chapter 2 and appendix A.
final class EncodedInstruction {
    /// No register.
    static final int NONE = -1;
    /// As a base: the address of the next instruction.
    static final int RIP = 16;

    // Prefixes, opcode, ModRM, SIB, displacement and immediate are read before they are seen to be too long.
    private static final int READ_BYTES = ZydisDecoder.MAX_LENGTH_BYTES + 2 + 1 + 1 + 4 + 8;

    // What the constructor reads is not changed afterwards.

    /// The opcode; those of the two-byte map are 0x0f00 to 0x0fff.
    final int opcode;
    /// The register in the opcode's lowest bits, where it has one.
    final int opcodeRegister;
    /// Size of the operands: 1, 2, 4 or 8.
    final int operandBytes;
    /// The immediate or relative displacement, its sign extended.
    final long immediate;
    /// Length of the whole.
    final int lengthBytes;
    /// Whether there is a rep prefix.
    boolean repeats;
    /// Whether addresses are cut to 32 bits.
    boolean narrowsAddress;
    /// Whether the memory operand is in the GS segment.
    boolean usesGs;
    /// The REX prefix, or 0. Where there is one, the 8-bit registers 4 to 7 are spl, bpl, sil and dil.
    int rex;
    /// The middle field of ModRM as a part of the opcode.
    int extension;
    /// The register that ModRM's middle field names.
    int register;
    /// The register that ModRM's lowest field names, or [#NONE] where the operand is in memory.
    int operandRegister;
    /// Base register of the memory operand, [#NONE] or [#RIP].
    int base = NONE;
    /// Index register of the memory operand, or [#NONE].
    int index = NONE;
    /// By how many bits the index is shifted.
    int scale;
    /// Displacement of the memory operand.
    long displacement;

    private final byte[] code;
    private int position;
    private boolean isSupported = true;
    private boolean isNarrow;

    private EncodedInstruction(byte[] code) {
        this.code = Arrays.copyOf(code, READ_BYTES);
        readPrefixes(Math.min(code.length, ZydisDecoder.MAX_LENGTH_BYTES));
        int first = next();
        opcode = first == 0x0f ? 0x0f00 | next() : first;
        opcodeRegister = opcode & 7 | extensionBit(0);
        if (hasModrm()) {
            readModrm();
        }
        operandBytes = sizeOfOperands();
        immediate = signed(sizeOfImmediate());
        lengthBytes = position;
    }

    /// Takes the instruction apart that begins with `code`.
    ///
    /// @return empty where the code ends before the instruction, and where prefixes stand before it whose meaning
    /// depends on the processor, or which are not emulated: lock, repne, fs, an operand size for the stack or a
    /// branch
    static Optional<EncodedInstruction> of(byte[] code) {
        EncodedInstruction instruction = new EncodedInstruction(code);
        int available = Math.min(code.length, ZydisDecoder.MAX_LENGTH_BYTES);
        boolean isWhole = instruction.lengthBytes <= available;
        return isWhole && instruction.isSupported ? Optional.of(instruction) : Optional.empty();
    }

    private void readPrefixes(int limit) {
        int segment = 0;
        while (position < limit && Prefixes.isPrefix(code[position] & 0xff)) {
            int prefix = next();
            isSupported &= rex == 0; // one that is not the last is void
            switch (prefix) {
                case Prefixes.OPERAND_SIZE -> isNarrow = true;
                case Prefixes.ADDRESS_SIZE -> narrowsAddress = true;
                case 0xf3 -> repeats = true;
                case 0xf0, 0xf2, 0x64 -> isSupported = false;
                case 0x26, 0x2e, 0x36, 0x3e, 0x65 -> {
                    isSupported &= segment == 0 || segment == prefix;
                    segment = prefix;
                }
                default -> rex = prefix;
            }
        }
        usesGs = segment == 0x65;
    }

    private void readModrm() {
        int modrm = next();
        int mode = modrm >> 6;
        int low = modrm & 7;
        extension = modrm >> 3 & 7;
        register = extension | extensionBit(2);
        if (mode == 3) {
            operandRegister = low | extensionBit(0);
            return;
        }
        operandRegister = NONE;
        int baseLow = low;
        if (low == 4) {
            int sib = next();
            baseLow = sib & 7;
            int number = sib >> 3 & 7 | extensionBit(1);
            index = number == 4 ? NONE : number;
            scale = sib >> 6;
        }
        boolean isBaseless = mode == 0 && baseLow == 5;
        if (!isBaseless) {
            base = baseLow | extensionBit(0);
        } else if (low == 5) {
            base = RIP;
        }
        displacement = signed(isBaseless || mode == 2 ? 4 : mode);
    }

    private boolean hasModrm() {
        return switch (opcode) {
            case 0x63, 0x8d, 0x8f, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff -> true;
            case 0x0f1e, 0x0f1f, 0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf -> true;
            default -> opcode < 0x40 && (opcode & 7) < 4 || 0x80 <= opcode && opcode < 0x8c;
        };
    }

    private int sizeOfOperands() {
        if (isStackOrBranch()) {
            isSupported &= !isNarrow; // before a branch Intel's processors ignore the prefix, AMD's do not
            return 8;
        }
        if (isOfBytes()) {
            return 1;
        }
        if ((rex & 8) != 0) {
            return 8;
        }
        return isNarrow ? 2 : 4;
    }

    // Superscripts d64 and f64 in the manual's opcode maps.
    private boolean isStackOrBranch() {
        return switch (opcode) {
            case 0x68, 0x6a, 0x8f, 0xc2, 0xc3, 0xc9, 0xe8, 0xe9, 0xeb -> true;
            case 0xff -> extension >= 2;
            default -> opcode >> 4 == 5 || opcode >> 4 == 7 || opcode >> 4 == 0xf8;
        };
    }

    private boolean isOfBytes() {
        return switch (opcode) {
            case 0x80, 0x84, 0x88, 0x8a, 0xa8, 0xc6, 0xf6, 0xfe -> true;
            default -> opcode < 0x40 && (opcode & 1) == 0 || opcode >> 3 == 0xb0 >> 3;
        };
    }

    private int sizeOfImmediate() {
        return switch (opcode) {
            case 0x6a, 0x83, 0xeb -> 1;
            case 0xc2 -> 2;
            case 0x68, 0xe8, 0xe9 -> 4;
            case 0x80, 0x81, 0xa8, 0xa9, 0xc6, 0xc7 -> Math.min(operandBytes, 4);
            case 0xf6, 0xf7 -> extension < 2 ? Math.min(operandBytes, 4) : 0;
            default ->
                switch (opcode >> 4) {
                    case 0, 1, 2, 3 -> (opcode & 6) == 4 ? Math.min(operandBytes, 4) : 0;
                    case 7 -> 1;
                    case 0xb -> operandBytes;
                    case 0xf8 -> 4;
                    default -> 0;
                };
        };
    }

    // The fourth bit of a register's number, out of REX.R (2), REX.X (1) or REX.B (0).
    private int extensionBit(int bit) {
        return (rex >> bit & 1) << 3;
    }

    private int next() {
        return code[position++] & 0xff;
    }

    private long signed(int bytes) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) next() << 8 * i;
        }
        return StatusFlags.signExtended(value, bytes);
    }
}
