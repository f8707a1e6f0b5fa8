package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.x86.BranchOperand.AtAddress;
import dev.plumbline.x86.BranchOperand.InMemory;
import dev.plumbline.x86.BranchOperand.InRegister;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class BranchOperandTest {
    @Test
    void registersAreNumberedAsTheProcessorDoes() {
        assertThat(operand("ffd0")).isEqualTo(new InRegister(0));
        assertThat(operand("ffe4")).isEqualTo(new InRegister(4));
        assertThat(operand("41ffd3")).isEqualTo(new InRegister(11));
        assertThat(operand("3e41ffe7")).isEqualTo(new InRegister(15));
        assertThat(new InRegister(11).name()).isEqualTo("r11");
    }

    @Test
    void aPointerAtAFixedPlaceHasItsAddress() {
        assertThat(operand("ff1510000000")).isEqualTo(new AtAddress(0xffffffff81000016L));
        assertThat(operand("ff25f0ffffff")).isEqualTo(new AtAddress(0xffffffff80fffff6L));
        assertThat(operand("ff1425c0563412")).isEqualTo(new AtAddress(0x123456c0L));
        assertThat(operand("ff1425000000ff")).isEqualTo(new AtAddress(0xffffffffff000000L));
    }

    @Test
    void whatDependsOnRegistersIsOnlyKnownToBeMemory() {
        assertThat(operand("ff10")).isEqualTo(new InMemory());
        assertThat(operand("ff5008")).isEqualTo(new InMemory());
        assertThat(operand("ff24c500000000")).isEqualTo(new InMemory());
        assertThat(operand("42ff242500000000")).as("index r12").isEqualTo(new InMemory());
        assertThat(operand("65ff1425c0563412")).as("per-CPU").isEqualTo(new InMemory());
        assertThat(operand("65ff1510000000")).as("per-CPU").isEqualTo(new InMemory());
    }

    private static BranchOperand operand(String bytes) {
        byte[] code = HexFormat.of().parseHex(bytes);
        return BranchOperand.of(code, 0, code.length, 0xffffffff81000000L);
    }
}
