package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.x86.Disassembler;
import dev.plumbline.x86.Register;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class IndirectThunkTest {
    private static final long ADDRESS = 0xffff_ffff_8200_0000L;
    private static final HexFormat HEX = HexFormat.of();

    private static Optional<byte[]> body(String hex, Register register) {
        return IndirectThunk.body(Arrays.copyOf(HEX.parseHex(hex), 32), register);
    }

    // mov [rsp], register
    private static String move(Register register) {
        int number = register.ordinal();
        return (number < 8 ? "4889" : "4c89") + "%02x".formatted(0x04 | (number & 7) << 3) + "24";
    }

    private static String jump(Register register) {
        int number = register.ordinal();
        return number < 8 ? "ff%02x".formatted(0xe0 | number) : "41ff%02x".formatted(0xe0 | number & 7);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "RSP")
    void retpolinesEndBehindTheirReturn(Register register) {
        String now = "e801000000cc" + move(register) + "c3";
        String before = "e807000000f3900faee8ebf9" + move(register) + "c3";
        assertThat(body(now + "cccc", register))
                .hasValueSatisfying(body -> assertThat(body).isEqualTo(HEX.parseHex(now)));
        assertThat(body(before + "cccc", register))
                .hasValueSatisfying(body -> assertThat(body).isEqualTo(HEX.parseHex(before)));
        Register other = register == Register.R15 ? Register.RAX : Register.R15;
        assertThat(body(now + "cccc", other)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "RSP")
    void aJumpIsAThunkWhereFillerFollows(Register register) throws Exception {
        for (String filler : new String[] {"cccccccc", "90909090", "6690cccc", "0f1f8400"}) {
            assertThat(body(jump(register) + filler, register))
                    .hasValueSatisfying(body -> assertThat(body).isEqualTo(HEX.parseHex(jump(register))));
        }
        assertThat(body(jump(register) + "4889c7c3", register)).isEmpty();
        byte[] code = IndirectThunk.jump(register);
        assertThat(new Disassembler().disassemble(code, ADDRESS))
                .singleElement()
                .satisfies(line -> assertThat(line.text())
                        .isEqualTo("jmp " + register.name().toLowerCase(Locale.ROOT)));
    }

    @Test
    void otherKindsStayAsTheyAre() {
        assertThat(body("0faee8ffe0cccccc", Register.RAX)).as("lfence").isEmpty();
        assertThat(body("65480fc1042500000000ffe0", Register.RAX))
                .as("call depth")
                .isEmpty();
        assertThat(body("ffe0eb0bcccccccc", Register.RAX))
                .as("a jump behind it")
                .isEmpty();
        assertThat(body("cc", Register.RAX)).isEmpty();
    }
}
