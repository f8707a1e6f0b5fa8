package dev.plumbline.probe.inline;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.OptionalLong;

/// The instruction at a probe site: the 5-byte NOP that stands where the function tracer would call.
final class InlineSites {
    static final int BYTES = 5;
    private static final int CALL = 0xe8;
    private static final int JUMP = 0xe9;
    static final int CS_PREFIX = 0x2e;

    private InlineSites() {}

    /// `nopl 0x0(%rax,%rax,1)`, what the kernel itself puts there (`BYTES_NOP5`).
    static byte[] nop() {
        return new byte[] {0x0f, 0x1f, 0x44, 0x00, 0x00};
    }

    /// Where the instruction leads if it is a `call rel32`.
    ///
    /// @param bytes the instruction
    /// @param address where it stands
    static OptionalLong callTarget(byte[] bytes, long address) {
        return (bytes[0] & 0xff) == CALL ? branchTarget(bytes, address) : OptionalLong.empty();
    }

    /// Where the instruction leads if it is a `call rel32` or a `jmp rel32`, be it with the prefix that compilers
    /// put before calls of the thunks of r8 to r15.
    ///
    /// @param bytes the instruction; more may follow
    /// @param address where it stands
    static OptionalLong branchTarget(byte[] bytes, long address) {
        int at = (bytes[0] & 0xff) == CS_PREFIX ? 1 : 0;
        int opcode = bytes[at] & 0xff;
        if (bytes.length < at + BYTES || opcode != CALL && opcode != JUMP) {
            return OptionalLong.empty();
        }
        int distance =
                ByteBuffer.wrap(bytes, at + 1, 4).order(ByteOrder.LITTLE_ENDIAN).getInt();
        return OptionalLong.of(address + at + BYTES + distance);
    }
}
