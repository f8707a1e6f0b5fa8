package dev.plumbline.x86;

import dev.plumbline.x86.zydis.ZydisFormatter;
import dev.plumbline.x86.zydis.ZydisLibrary;
import dev.plumbline.x86.zydis.ZydisUnavailableException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Machine code as text for people, in Intel syntax. Not safe for threads.
public final class Disassembler {
    private final InstructionDecoder decoder = new InstructionDecoder();
    private final ZydisFormatter formatter = new ZydisFormatter(ZydisLibrary.load());

    /// A disassembler of its own.
    ///
    /// @throws ZydisUnavailableException if Zydis cannot be loaded
    public Disassembler() throws ZydisUnavailableException {}

    /// The instructions in `code`, one after the other, each byte in exactly one of them.
    ///
    /// @param address the virtual address of the first byte
    public List<Line> disassemble(byte[] code, long address) {
        byte[] padded = Arrays.copyOf(code, code.length + InstructionDecoder.LOOKAHEAD_BYTES);
        List<Line> lines = new ArrayList<>();
        for (int at = 0; at < code.length; at += lines.getLast().lengthBytes()) {
            lines.add(line(padded, at, code.length, address + at));
        }
        return lines;
    }

    private Line line(byte[] code, int at, int limit, long address) {
        int decoded = decoder.decode(code, at, limit);
        String text = formatter.format(code, at, limit, address);
        return new Line(
                address,
                InstructionDecoder.length(decoded),
                InstructionFlow.of(decoded),
                text == null ? "(bad)" : text);
    }

    /// One instruction.
    ///
    /// @param address the virtual address of its first byte
    /// @param lengthBytes 1 to 15
    /// @param flow where control goes after it
    /// @param text in Intel syntax; `(bad)` where there is no instruction
    public record Line(long address, int lengthBytes, InstructionFlow flow, String text) {}
}
