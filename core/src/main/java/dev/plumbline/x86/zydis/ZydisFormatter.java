package dev.plumbline.x86.zydis;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Writes instructions as text in Intel syntax. Not safe for threads; its native memory goes when it is unreachable.
public final class ZydisFormatter {
    private static final int STYLE_INTEL = 1;
    private static final int MODE_AMD_BRANCHES = 1;

    // In 4.0 an operand is 80 bytes, ten at most; a formatter 584. Room for what later versions may add.
    private static final byte MAX_OPERANDS = 10;
    private static final long OPERANDS_BYTES = 4096;
    private static final long FORMATTER_BYTES = 4096;
    private static final long STRUCTURE_BYTES = 1024;
    private static final long TEXT_BYTES = 256;

    private final MemorySegment decoder;
    private final MemorySegment formatter;
    private final MemorySegment input;
    private final MemorySegment instruction;
    private final MemorySegment operands;
    private final MemorySegment text;
    private final MethodHandle decodeFull;
    private final MethodHandle format;

    /// A formatter of its own.
    public ZydisFormatter(ZydisLibrary library) {
        Arena arena = Arena.ofAuto();
        decoder = arena.allocate(STRUCTURE_BYTES, 16);
        formatter = arena.allocate(FORMATTER_BYTES, 16);
        input = arena.allocate(16, 16);
        instruction = arena.allocate(STRUCTURE_BYTES, 16);
        operands = arena.allocate(OPERANDS_BYTES, 16);
        text = arena.allocate(TEXT_BYTES, 16);
        decodeFull = library.decodeFull();
        format = library.formatInstruction();
        ZydisDecoder.enable(library, decoder, MODE_AMD_BRANCHES);
        try {
            int status = (int) library.formatterInit().invokeExact(formatter, STYLE_INTEL);
            if (status < 0) {
                throw new IllegalStateException("Zydis refused its Intel style");
            }
        } catch (Throwable unexpected) {
            throw ZydisDecoder.unreachable(unexpected);
        }
    }

    /// The text of the instruction at `code[at]`, which must end before `code[limit]`.
    ///
    /// @param address the virtual address of the instruction, for targets relative to it
    /// @return `null` if there is no valid instruction
    public String format(byte[] code, int at, int limit, long address) {
        int available = Math.min(limit - at, ZydisDecoder.MAX_LENGTH_BYTES);
        MemorySegment.copy(code, at, input, JAVA_BYTE, 0, available);
        try {
            int status = (int) decodeFull.invokeExact(decoder, input, (long) available, instruction, operands);
            if (status >= 0) {
                status = (int) format.invokeExact(
                        formatter,
                        instruction,
                        operands,
                        MAX_OPERANDS,
                        text,
                        text.byteSize(),
                        address,
                        MemorySegment.NULL);
            }
            return status < 0 ? null : text.getString(0);
        } catch (Throwable unexpected) {
            throw ZydisDecoder.unreachable(unexpected);
        }
    }
}
