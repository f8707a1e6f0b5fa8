package dev.plumbline.x86;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.R12;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RBX;
import static dev.plumbline.x86.Register.RDI;
import static dev.plumbline.x86.Register.RSP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What is emitted is read back with the disassembler.
class AssemblerTest {
    private static final long BASE = 0xffff_ffff_8100_0000L;

    private static String text(UnaryOperator<Assembler> emission) throws Exception {
        byte[] code = emission.apply(new Assembler(BASE)).assemble();
        return String.join(
                "; ",
                new Disassembler()
                        .disassemble(code, BASE).stream()
                                .map(Disassembler.Line::text)
                                .toList());
    }

    @ParameterizedTest
    @EnumSource
    void everyRegisterIsEncodedInEveryPosition(Register register) throws Exception {
        String name = register.name().toLowerCase(java.util.Locale.ROOT);
        assertThat(text(a -> a.push(register).pop(register))).isEqualTo("push " + name + "; pop " + name);
        assertThat(text(a -> a.move(register, RBX))).isEqualTo("mov " + name + ", rbx");
        assertThat(text(a -> a.move(R12, register))).isEqualTo("mov r12, " + name);
        assertThat(text(a -> a.move(register, 0x1122334455667788L))).isEqualTo("mov " + name + ", 0x1122334455667788");
        assertThat(text(a -> a.load(RAX, register, 16)))
                .isEqualTo("mov rax, [" + name
                        + "+0x10]".replace("ds:", register == RSP || register == Register.RBP ? "ss:" : "ds:"));
        assertThat(text(a -> a.test(register))).isEqualTo("test " + name + ", " + name);
        assertThat(text(a -> a.shiftLeft(register, 6))).isEqualTo("shl " + name + ", 0x06");
        assertThat(text(a -> a.shiftRight(register, 6))).isEqualTo("shr " + name + ", 0x06");
        assertThat(text(a -> a.add(register, 0x100))).isEqualTo("add " + name + ", 0x100");
        assertThat(text(a -> a.add(register, R11))).isEqualTo("add " + name + ", r11");
        assertThat(text(a -> a.or(register, R10))).isEqualTo("or " + name + ", r10");
        assertThat(text(a -> a.loadPerCpu(register, 0x1c340))).isEqualTo("mov " + name + ", gs:[0x000000000001C340]");
    }

    @Test
    void narrowFormsNameTheNarrowRegister() throws Exception {
        assertThat(text(a -> a.moveInt(R11, 1))).isEqualTo("mov r11d, 0x01");
        assertThat(text(a -> a.moveInt(R10, RAX))).isEqualTo("mov r10d, eax");
        assertThat(text(a -> a.andInt(R11, 0xffff))).isEqualTo("and r11d, 0xFFFF");
        assertThat(text(a -> a.clear(RDI).clear(R12))).isEqualTo("xor edi, edi; xor r12d, r12d");
        assertThat(text(a -> a.compareInt(RDI, 255))).isEqualTo("cmp edi, 0xFF");
        assertThat(text(a -> a.loadByte(RDI, R12, 0))).isEqualTo("movzx edi, byte ptr [r12]");
        assertThat(text(a -> a.loadInt(R10, RSP, 8))).isEqualTo("mov r10d, [rsp+0x08]");
    }

    @Test
    void memoryFormsReachTheStack() throws Exception {
        assertThat(text(a -> a.exchangeAdd(R10, 0, R11))).isEqualTo("lock xadd [r10], r11");
        assertThat(text(a -> a.store(R11, 8, R10))).isEqualTo("mov [r11+0x08], r10");
        assertThat(text(a -> a.address(R10, RSP, 16))).isEqualTo("lea r10, [rsp+0x10]");
        assertThat(text(a -> a.add(R11, R10, 8))).isEqualTo("add r11, [r10+0x08]");
        assertThat(text(a -> a.store(R11, 0x1000, R10))).isEqualTo("mov [r11+0x1000], r10");
        assertThat(text(a -> a.storeInt(R10, 4, RAX))).isEqualTo("mov [r10+0x04], eax");
        assertThat(text(a -> a.addWord(R10, R11, BASE))).isEqualTo("add r10, [r11*8-0x7F000000]");
    }

    @Test
    void perCpuFormsReachNearAndFar() throws Exception {
        assertThat(text(a -> a.exchangeAddPerCpu(0x1c340, R11))).isEqualTo("xadd gs:[0x000000000001C340], r11");
        assertThat(text(a -> a.exchangeAddPerCpu(R10, RAX))).isEqualTo("xadd gs:[r10], rax");
    }

    @Test
    void questionsAndArithmeticOfTablesAreAsMeant() throws Exception {
        assertThat(text(a -> a.storeShort(R10, 22, R11))).isEqualTo("mov [r10+0x16], r11w");
        assertThat(text(a -> a.compareWord(RAX, R11, BASE))).isEqualTo("cmp rax, [r11*8-0x7F000000]");
        assertThat(text(a -> a.compare(RAX, 8, R10))).isEqualTo("cmp [rax+0x08], r10");
        assertThat(text(a -> a.compare(R11, 0xfff))).isEqualTo("cmp r11, 0xFFF");
        assertThat(text(a -> a.testByte(R11, -32, 3))).isEqualTo("test byte ptr [r11-0x20], 0x03");
        assertThat(text(a -> a.comparePerCpuByte(R11, 24, 0))).isEqualTo("cmp byte ptr gs:[r11+0x18], 0x00");
        assertThat(text(a -> a.storePerCpuByte(R11, 24, 1))).isEqualTo("mov byte ptr gs:[r11+0x18], 0x01");
        assertThat(text(a -> a.subtract(RAX, RSP))).isEqualTo("sub rax, rsp");
        assertThat(text(a -> a.multiply(RAX, R10))).isEqualTo("imul rax, r10");
        assertThat(text(a -> a.addInt(RAX, R11))).isEqualTo("add eax, r11d");
        assertThat(text(a -> a.moveSigned(R11, RAX))).isEqualTo("movsxd r11, eax");
        assertThat(text(a -> a.moveSigned(RAX, R10))).isEqualTo("movsxd rax, r10d");
        assertThat(text(a -> a.moveIntIf(Condition.NOT_EQUAL, RAX, R10))).isEqualTo("cmovnz eax, r10d");
        assertThat(text(a -> a.moveIntIf(Condition.BELOW, R12, RBX))).isEqualTo("cmovb r12d, ebx");
        assertThat(text(a -> a.addInt(RAX, R11, -48))).isEqualTo("add eax, [r11-0x30]");
        assertThat(text(a -> a.address(R10, R11, RAX))).isEqualTo("lea r10, [r11+rax*8]");
        assertThat(text(a -> a.shiftLeftInt(R10, 8))).isEqualTo("shl r10d, 0x08");
        assertThat(text(a -> a.multiplyInt(R10, RDI, 7))).isEqualTo("imul r10d, edi, 0x07");
        assertThat(text(a -> a.compareWord(R10, RAX, R11))).isEqualTo("cmp [r10+rax*8], r11");
        assertThat(text(a -> a.storeWord(RDI, R12, RAX))).isEqualTo("mov [rdi+r12*8], rax");
    }

    @Test
    void labelsResolveForwardsAndBackwards() throws Exception {
        assertThat(text(a -> a.label("spin")
                        .pause()
                        .compareByte("flag", 0)
                        .jump(Condition.EQUAL, "spin")
                        .jump("spin")
                        .ret()
                        .label("flag")
                        .bytes(0x90)))
                .isEqualTo("pause; cmp byte ptr [0xFFFFFFFF81000015], 0x00; jz 0xFFFFFFFF81000000; "
                        + "jmp 0xFFFFFFFF81000000; ret; nop");
        assertThat(text(a -> a.address(R12, "table").label("table").bytes(0x90)))
                .isEqualTo("lea r12, [0xFFFFFFFF81000007]; nop");
    }

    @Test
    void callsReachTwoGigabytesAndNoMore() throws Exception {
        assertThat(text(a -> a.call(BASE - 0x1000))).isEqualTo("call 0xFFFFFFFF80FFF000");
        assertThatThrownBy(() -> new Assembler(BASE).call(0x7fff_0000_0000L))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void missingAndDoubleLabelsAreRefused() {
        assertThatThrownBy(() -> new Assembler(BASE).jump("nowhere").assemble())
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Assembler(BASE).label("a").label("a"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
