package dev.plumbline.x86;

/// The forms that the kernel itself writes at the places it patches: function entries (ftrace), static keys, static
/// calls, branch targets it has sealed. Source: Linux arch/x86/kernel/{alternative,jump_label,static_call,ftrace}.c.
public enum PatchShape {
    /// 5-byte NOP
    NOP5,
    /// 2-byte NOP
    NOP2,
    /// `call rel32`
    CALL,
    /// `jmp rel32`
    JUMP,
    /// `jmp rel8`
    SHORT_JUMP,
    /// `jcc rel32`
    CONDITIONAL_JUMP,
    /// `ret`
    RETURN,
    /// a 5-byte instruction that makes eax 0: a static call to a function that returns 0
    RETURN_ZERO,
    /// int3: a kprobe, or a patch being made
    BREAKPOINT,
    /// `endbr64`
    ENDBR,
    /// a NOP where an `endbr64` was, which no indirect branch may reach any more
    SEALED_ENDBR,
    /// anything else
    OTHER;

    // The first is what 64-bit kernels write; the second is of AMD K8's set (until 5.12).
    private static final long[] NOPS5 = {0x00_00_44_1f_0fL, 0x90_66_66_66_66L};
    // xor eax,eax behind three cs prefixes (since 5.18), and data16 data16 xor rax,rax
    private static final long[] ZEROES = {0xc0_31_2e_2e_2eL, 0xc0_31_48_66_66L};
    private static final int ENDBR64 = 0xfa_1e_0f_f3;
    // nopw (%rax), and nopl -42(%rax) since 6.15
    private static final int[] SEALED = {0x00_1f_0f_66, 0xd6_40_1f_0f};

    /// The form of the instruction at `code[at]`.
    ///
    /// @param limit the end of the code, exclusive, at most `code.length`
    public static PatchShape of(byte[] code, int at, int limit) {
        long octets = littleEndian(code, at, limit);
        long five = octets & 0xff_ffff_ffffL;
        int available = limit - at;
        if (available >= 5) {
            if (five == NOPS5[0] || five == NOPS5[1]) {
                return NOP5;
            }
            if (five == ZEROES[0] || five == ZEROES[1]) {
                return RETURN_ZERO;
            }
        }
        if (available >= 4 && isBranchTarget((int) octets)) {
            return (int) octets == ENDBR64 ? ENDBR : SEALED_ENDBR;
        }
        return ofBranch(octets, available);
    }

    private static boolean isBranchTarget(int four) {
        return four == ENDBR64 || four == SEALED[0] || four == SEALED[1];
    }

    private static PatchShape ofBranch(long octets, int available) {
        int opcode = (int) octets & 0xff;
        int second = (int) octets >> 8 & 0xff;
        if (available >= 6 && opcode == 0x0f && second >> 4 == 8) {
            return CONDITIONAL_JUMP;
        }
        if (available >= 5 && (opcode == 0xe8 || opcode == 0xe9)) {
            return opcode == 0xe8 ? CALL : JUMP;
        }
        if (available >= 2 && (opcode == 0xeb || opcode == 0x66 && second == 0x90)) {
            return opcode == 0xeb ? SHORT_JUMP : NOP2;
        }
        return switch (opcode) {
            case 0xc3 -> RETURN;
            case 0xcc -> BREAKPOINT;
            default -> OTHER;
        };
    }

    private static long littleEndian(byte[] code, int at, int limit) {
        long octets = 0;
        for (int i = Math.min(limit - at, 8) - 1; i >= 0; i--) {
            octets = octets << 8 | code[at + i] & 0xff;
        }
        return octets;
    }
}
