package dev.plumbline.x86.zydis;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Decodes one 64-bit mode instruction at a time, without operands; what was decoded last can be asked for until the
/// next call. Branches are read as AMD's processors read them (an operand-size prefix shortens their target to 16
/// bits), as GNU objdump does. Not safe for threads; its native memory goes when it is unreachable.
public final class ZydisDecoder {
    /// No instruction is longer, in bytes.
    public static final int MAX_LENGTH_BYTES = 15;

    // enum ZydisMachineMode, ZydisStackWidth, ZydisDecoderMode
    private static final int LONG_64 = 0;
    private static final int STACK_WIDTH_64 = 2;
    private static final int MODE_MINIMAL = 0;
    private static final int MODE_AMD_BRANCHES = 1;

    // ZydisDecodedInstruction is 328 bytes in 4.0, ZydisDecoder 20; room for what later versions may add.
    private static final long INSTRUCTION_BYTES = 1024;
    private static final long DECODER_BYTES = 256;

    // Offsets in ZydisDecodedInstruction.
    private static final long LENGTH = 8;
    private static final long ENCODING = 12;
    private static final long OPCODE_MAP = 16;
    private static final long OPCODE = 20;

    private static final int ENCODING_LEGACY = 0;
    private static final int NO_MORE_DATA = 0x80200000;
    private static final int ILLEGAL_LOCK = 0x80200004;

    private final MemorySegment decoder;
    private final MemorySegment input;
    private final MemorySegment instruction;
    private final MethodHandle decode;
    private int status;

    /// A decoder of its own.
    public ZydisDecoder(ZydisLibrary library) {
        Arena arena = Arena.ofAuto();
        decoder = arena.allocate(DECODER_BYTES, 8);
        input = arena.allocate(16, 16);
        instruction = arena.allocate(INSTRUCTION_BYTES, 16);
        decode = library.decodeInstruction();
        enable(library, decoder, MODE_AMD_BRANCHES, MODE_MINIMAL);
    }

    static void enable(ZydisLibrary library, MemorySegment decoder, int... modes) {
        try {
            int status = (int) library.decoderInit().invokeExact(decoder, LONG_64, STACK_WIDTH_64);
            for (int mode : modes) {
                status |= (int) library.decoderEnableMode().invokeExact(decoder, mode, (byte) 1);
            }
            if (status < 0) {
                throw new IllegalStateException("Zydis refused its own modes, status " + Integer.toHexString(status));
            }
        } catch (Throwable unexpected) {
            throw unreachable(unexpected);
        }
    }

    /// Decodes the instruction at `code[at]`, which must end before `code[limit]`.
    ///
    /// @param at 0 to `limit` - 1
    /// @param limit at most `code.length`
    /// @return its length in bytes, or 0 if there is no valid instruction
    public int decode(byte[] code, int at, int limit) {
        int available = Math.min(limit - at, MAX_LENGTH_BYTES);
        MemorySegment.copy(code, at, input, JAVA_BYTE, 0, available);
        try {
            status = (int) decode.invokeExact(decoder, MemorySegment.NULL, input, (long) available, instruction);
        } catch (Throwable unexpected) {
            throw unreachable(unexpected);
        }
        return status < 0 ? 0 : instruction.get(JAVA_BYTE, LENGTH);
    }

    /// Whether the last call failed only because the bytes ended too early.
    public boolean truncated() {
        return status == NO_MORE_DATA;
    }

    /// Whether the last call failed only because of a lock prefix where none is allowed.
    public boolean wronglyLocked() {
        return status == ILLEGAL_LOCK;
    }

    /// Whether the instruction is encoded without VEX, EVEX or XOP.
    public boolean legacyEncoding() {
        return instruction.get(JAVA_INT, ENCODING) == ENCODING_LEGACY;
    }

    /// The opcode map: 0 for one-byte opcodes, 1 for 0F.
    public int opcodeMap() {
        return instruction.get(JAVA_INT, OPCODE_MAP);
    }

    /// The opcode byte within its map, 0 to 255.
    public int opcode() {
        return instruction.get(JAVA_BYTE, OPCODE) & 0xff;
    }

    static RuntimeException unreachable(Throwable unexpected) {
        return switch (unexpected) {
            case RuntimeException e -> e;
            case Error e -> throw e;
            default -> new IllegalStateException(unexpected);
        };
    }
}
