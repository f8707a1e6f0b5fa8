package dev.plumbline.probe.inline;

import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Register;

/// A call or jump through a register in place of one through a thunk: what a kernel that runs without retpolines has
/// made of it when it started (`patch_retpoline` in `arch/x86/kernel/alternative.c`, since 5.16, commit 7508500900814).
/// As compiled, all of its bytes were one instruction, so nothing leads into their middle but what was called there.
///
/// @param register the one that holds the target
/// @param isCall whether it is a call; else a jump
/// @param code where it stands, and its bytes: the call or jump and what fills up the room
record PlainSite(Register register, boolean isCall, Code code) {
    /// With the prefix that was the compiler's.
    static final int LONGEST_BYTES = 6;

    private static final int GROUP_5 = 0xff;
    private static final int CALL = 0xd0;
    private static final int JUMP = 0xe0;
    private static final int REX_B = 0x41;
    private static final int[][] NOPS = {{}, {0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};

    /// How long such a site is; 0 if the bytes are none.
    ///
    /// @param bytes at least as many as the longest takes, beginning with the call or jump
    static int lengthBytes(byte[] bytes, Register register, boolean isCall) {
        int shortest = register.ordinal() < 8 ? 2 : 3;
        int opcode = (isCall ? CALL : JUMP) | register.ordinal() & 7;
        boolean isIt = shortest == 2 ? holds(bytes, 0, GROUP_5, opcode) : holds(bytes, 0, REX_B, GROUP_5, opcode);
        // A jump is followed by int3 since 6.0; without one the NOPs might be somebody's way.
        int filled = isCall ? shortest : shortest + 1;
        if (!isIt || !isCall && !holds(bytes, shortest, 0xcc)) {
            return 0;
        }
        for (int length = shortest + 3; length >= InlineSites.BYTES; length--) {
            if (holds(bytes, filled, NOPS[length - filled])) {
                return length;
            }
        }
        return 0;
    }

    private static boolean holds(byte[] bytes, int at, int... values) {
        for (int i = 0; i < values.length; i++) {
            if ((bytes[at + i] & 0xff) != values[i]) {
                return false;
            }
        }
        return true;
    }

    /// The instruction that calls or jumps to a check of ours, as long as the site: what is called returns behind it,
    /// where the original goes on too.
    byte[] leadingTo(long check) {
        Assembler instruction = new Assembler(code.address());
        if (code.original().length > InlineSites.BYTES) {
            instruction.bytes(InlineSites.CS_PREFIX);
        }
        return (isCall ? instruction.call(check) : instruction.jump(check)).assemble();
    }
}
