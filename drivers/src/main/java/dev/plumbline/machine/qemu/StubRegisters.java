package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;

/// Registers as QEMU's debug stub reads and writes them (QEMU's `gdb-xml/i386-64bit.xml`), little-endian and in
/// hexadecimal: rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8 to r15 and rip with 8 bytes each; eflags, cs, ss, ds, es,
/// fs and gs with 4; the bases of FS and GS with 8; more. Of what is written, the rest may be missing.
///
/// @param state where the vCPU stands
/// @param selectors of es, cs, ss, ds, fs and gs
/// @param fsBase base of the FS segment
record StubRegisters(VcpuState state, int[] selectors, long fsBase) {
    /// Where each stands in the order of the instruction encoding: rcx is the third, and has number 1.
    private static final int[] NUMBERS = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

    private static final int CS = 16 * 8 + 8 + 4;
    /// Where each selector stands, in the order of the instruction encoding.
    private static final int[] SELECTORS = {CS + 12, CS, CS + 4, CS + 8, CS + 16, CS + 20};

    private static final int FS_BASE = CS + 6 * 4;
    private static final int GS_BASE = FS_BASE + 8;
    private static final int NEEDED_BYTES = GS_BASE + 8;
    private static final int WRITTEN_BYTES = CS;
    private static final long LOW_WORD = 0xffff_ffffL;

    /// @param answer to the packet `g`
    /// @throws GuestException if it is no such answer
    static StubRegisters parse(String answer) throws GuestException {
        ByteBuffer bytes = bytes(answer);
        long[] general = new long[NUMBERS.length];
        for (int number : NUMBERS) {
            general[number] = bytes.getLong();
        }
        long rip = bytes.getLong();
        long rflags = bytes.getInt() & LOW_WORD;
        VcpuState state = new VcpuState(general, rip, rflags, bytes.getLong(GS_BASE), bytes.getInt(CS) & 3);
        return new StubRegisters(
                state, Arrays.stream(SELECTORS).map(bytes::getInt).toArray(), bytes.getLong(FS_BASE));
    }

    /// The packet that writes the general registers, rip and flags.
    static String writePacket(VcpuState state) {
        ByteBuffer bytes = ByteBuffer.allocate(WRITTEN_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int number : NUMBERS) {
            bytes.putLong(state.general[number]);
        }
        bytes.putLong(state.rip).putInt((int) state.rflags);
        return "G" + HexFormat.of().formatHex(bytes.array());
    }

    private static ByteBuffer bytes(String answer) throws GuestException {
        if (answer.length() >= 2 * NEEDED_BYTES) {
            try {
                byte[] bytes = HexFormat.of().parseHex(answer, 0, 2 * NEEDED_BYTES);
                return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            } catch (IllegalArgumentException _) {
                // Told below.
            }
        }
        throw new GuestException("QEMU's debug stub answers '" + answer.substring(0, Math.min(40, answer.length()))
                + "' when asked for registers: this version is not supported");
    }
}
