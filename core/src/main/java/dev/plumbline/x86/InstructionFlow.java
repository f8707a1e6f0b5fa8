package dev.plumbline.x86;

/// Where control goes after an instruction. In this order: what pads code, the rest, near calls and jumps.
public enum InstructionFlow {
    /// to the next instruction, and nothing else happens: NOP of any length
    NO_OPERATION,
    /// to the debugger: int3, which is also what code is padded with
    BREAKPOINT,
    /// to the next instruction
    SEQUENTIAL,
    /// to an exception handler, or nowhere: ud0, ud1, ud2, hlt
    TRAP,
    /// there is no instruction in these bytes
    INVALID,
    /// back to the caller
    RETURN,
    /// to another segment or privilege level: far call, jump and return, iret, sysret, sysexit
    FAR,
    /// to a fixed place, and later back
    CALL,
    /// to a fixed place
    JUMP,
    /// to a fixed place or to the next instruction: jcc, jrcxz, loop
    CONDITIONAL_JUMP,
    /// to a place read from a register or memory, and later back
    INDIRECT_CALL,
    /// to a place read from a register or memory
    INDIRECT_JUMP;

    private static final InstructionFlow[] VALUES = values();

    /// Whether the instruction names its target in itself.
    public boolean isDirect() {
        return this == CALL || this == JUMP || this == CONDITIONAL_JUMP;
    }

    /// Whether the next instruction in memory may be executed next, a call's return not counted.
    public boolean flowsOn() {
        return switch (this) {
            case NO_OPERATION, SEQUENTIAL, CONDITIONAL_JUMP -> true;
            case BREAKPOINT, TRAP, INVALID, RETURN, FAR, CALL, JUMP, INDIRECT_CALL, INDIRECT_JUMP -> false;
        };
    }

    /// The flow of what [InstructionDecoder#decode] returned.
    public static InstructionFlow of(int decoded) {
        return VALUES[decoded >> 4];
    }

    // Intel SDM volume 2, opcode maps. Operations that differ by prefix are told apart by the caller.
    static InstructionFlow ofOneByteOpcode(int opcode, int modrm) {
        return switch (opcode) {
            case 0x90 -> NO_OPERATION;
            case 0xcc -> BREAKPOINT;
            case 0xf4 -> TRAP;
            case 0xc2, 0xc3 -> RETURN;
            case 0xca, 0xcb, 0xcf -> FAR;
            case 0xe8 -> CALL;
            case 0xe9, 0xeb -> JUMP;
            case 0xe0, 0xe1, 0xe2, 0xe3 -> CONDITIONAL_JUMP;
            case 0xff -> ofGroup5(modrm >> 3 & 7);
            default -> opcode >> 4 == 7 ? CONDITIONAL_JUMP : SEQUENTIAL;
        };
    }

    static InstructionFlow ofTwoByteOpcode(int opcode) {
        return switch (opcode) {
            case 0x1f -> NO_OPERATION;
            case 0x0b, 0xb9, 0xff -> TRAP;
            case 0x07, 0x35 -> FAR;
            default -> opcode >> 4 == 8 ? CONDITIONAL_JUMP : SEQUENTIAL;
        };
    }

    private static InstructionFlow ofGroup5(int operation) {
        return switch (operation) {
            case 2 -> INDIRECT_CALL;
            case 3, 5 -> FAR;
            case 4 -> INDIRECT_JUMP;
            default -> SEQUENTIAL;
        };
    }
}
