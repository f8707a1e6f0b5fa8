package dev.plumbline.probe.inline;

import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.DirectBranch;
import dev.plumbline.x86.InstructionDecoder;
import dev.plumbline.x86.InstructionFlow;
import dev.plumbline.x86.MovableInstruction;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;

/// A function's first instructions, which a jump can take the place of: they mean the same anywhere, and no jump
/// of the function leads between them.
///
/// @param code where, and the bytes of the instructions
record Detour(Code code) {
    static final int JUMP_BYTES = 5;
    private static final int MARKER_BYTES = 4;
    private static final int LONGEST_INSTRUCTION_BYTES = 15;
    private static final byte PADDING_PREFIX = 0x2e;
    private static final byte JUMP = (byte) 0xe9;
    private static final byte BREAKPOINT = (byte) 0xcc;
    private static final int MOST_FUNCTION_BYTES = 1 << 16;
    private static final byte[] ENDBR64 = {(byte) 0xf3, 0x0f, 0x1e, (byte) 0xfa};
    /// What the kernel makes of an endbr64 that nothing needs (6.0, commit 5b2fc51576eb).
    private static final byte[] SEALED = {0x66, 0x0f, 0x1f, 0x00};

    /// The detour at a function's entry, behind its endbr64; none if its first instructions have to stay.
    ///
    /// @throws GuestException if guest memory cannot be read or there is no decoder
    static Optional<Detour> at(GuestText text, SymbolTable symbols, String name) throws GuestException {
        var symbol = symbols.find(name);
        if (symbol.isEmpty()) {
            return Optional.empty();
        }
        long function = symbols.address(symbol.getAsInt());
        int size = sizeBytes(symbols, function);
        byte[] bytes = Arrays.copyOf(text.read(function, size), size + InstructionDecoder.LOOKAHEAD_BYTES);
        byte[] first = Arrays.copyOf(bytes, MARKER_BYTES);
        int start = Arrays.equals(first, ENDBR64) || Arrays.equals(first, SEALED) ? MARKER_BYTES : 0;
        InstructionDecoder decoder = new InstructionDecoder();
        int end = start;
        while (end < size && end - start < JUMP_BYTES) {
            int decoded = decoder.decode(bytes, end, size);
            if (!InstructionFlow.of(decoded).flowsOn()
                    || !MovableInstruction.at(bytes, end, InstructionDecoder.length(decoded))) {
                return Optional.empty();
            }
            end += InstructionDecoder.length(decoded);
        }
        if (end - start < JUMP_BYTES
                || end - start > LONGEST_INSTRUCTION_BYTES
                || isJumpedInto(decoder, bytes, size, function, start, end)) {
            return Optional.empty();
        }
        byte[] original = Arrays.copyOfRange(bytes, start, end);
        return Optional.of(new Detour(new Code(function + start, text.physical(function + start), original)));
    }

    private static int sizeBytes(SymbolTable symbols, long function) {
        int rank = symbols.floorRank(function);
        while (rank + 1 < symbols.size() && symbols.address(symbols.atRank(rank)) == function) {
            rank++;
        }
        return Math.clamp(symbols.address(symbols.atRank(rank)) - function, 1, MOST_FUNCTION_BYTES);
    }

    private static boolean isJumpedInto(
            InstructionDecoder decoder, byte[] bytes, int size, long function, int start, int end) {
        for (int at = 0; at < size; ) {
            int decoded = decoder.decode(bytes, at, size);
            int length = InstructionDecoder.length(decoded);
            if (InstructionFlow.of(decoded).isDirect()) {
                long target = DirectBranch.target(bytes, at, length, function + at) - function;
                if (target > start && target < end) {
                    return true;
                }
            }
            at += length;
        }
        return false;
    }

    /// Where the function goes on behind the displaced instructions.
    long resumesAt() {
        return code.address() + code.original().length;
    }

    /// The jump that takes their place: one instruction of the same length, made so by prefixes that mean nothing.
    /// So whoever decodes the function sees where instructions begin, and the guest sets no kprobe between them.
    byte[] jumpTo(long target) {
        byte[] jump = new byte[code.original().length];
        Arrays.fill(jump, PADDING_PREFIX);
        byte[] plain =
                new Assembler(code.address() + paddingBytes()).jump(target).assemble();
        System.arraycopy(plain, 0, jump, paddingBytes(), JUMP_BYTES);
        return jump;
    }

    /// Where the jump leads, if it stands there.
    ///
    /// @param now what stands there; a kprobe of the guest's own may have replaced the first byte
    OptionalLong targetOf(byte[] now) {
        byte[] jump = now.clone();
        if (jump[0] == BREAKPOINT) {
            jump[0] = paddingBytes() > 0 ? PADDING_PREFIX : JUMP;
        }
        OptionalLong target = InlineSites.branchTarget(
                Arrays.copyOfRange(jump, paddingBytes(), jump.length), code.address() + paddingBytes());
        return target.isPresent() && Arrays.equals(jump, jumpTo(target.getAsLong())) ? target : OptionalLong.empty();
    }

    private int paddingBytes() {
        return code.original().length - JUMP_BYTES;
    }
}
