package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.x86.Disassembler.Line;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class DisassemblerTest {
    @Test
    void codeIsTextInIntelSyntaxWithAbsoluteTargets() throws Exception {
        byte[] code = HexFormat.of().parseHex("554889e5e8fbffffff06ffe0e8");
        assertThat(new Disassembler().disassemble(code, 0xffffffff81000000L))
                .containsExactly(
                        new Line(0xffffffff81000000L, 1, InstructionFlow.SEQUENTIAL, "push rbp"),
                        new Line(0xffffffff81000001L, 3, InstructionFlow.SEQUENTIAL, "mov rbp, rsp"),
                        new Line(0xffffffff81000004L, 5, InstructionFlow.CALL, "call 0xFFFFFFFF81000004"),
                        new Line(0xffffffff81000009L, 1, InstructionFlow.INVALID, "(bad)"),
                        new Line(0xffffffff8100000aL, 2, InstructionFlow.INDIRECT_JUMP, "jmp rax"),
                        new Line(0xffffffff8100000cL, 1, InstructionFlow.INVALID, "(bad)"));
    }
}
