package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PatchShapeTest {
    @ParameterizedTest
    @CsvSource({
        "0f1f440000, NOP5",
        "6666666690, NOP5",
        "6690, NOP2",
        "e800000000, CALL",
        "e900000000, JUMP",
        "eb00, SHORT_JUMP",
        "0f8400000000, CONDITIONAL_JUMP",
        "c3, RETURN",
        "c3cccccccc, RETURN",
        "2e2e2e31c0, RETURN_ZERO",
        "66664831c0, RETURN_ZERO",
        "cc, BREAKPOINT",
        "f30f1efa, ENDBR",
        "660f1f00, SEALED_ENDBR",
        "0f1f40d6, SEALED_ENDBR",
        "0f1f4000, OTHER",
        "90, OTHER",
        "f30f1efb, OTHER",
        "e8000000, OTHER",
        "0f1f4400, OTHER",
        "eb, OTHER",
        "55, OTHER"
    })
    void eachFormIsKnown(String bytes, PatchShape shape) {
        byte[] code = HexFormat.of().parseHex(bytes);
        assertThat(PatchShape.of(code, 0, code.length)).isEqualTo(shape);
    }

    @Test
    void bytesBehindTheLimitDoNotCount() {
        byte[] code = HexFormat.of().parseHex("0f1f440000");
        assertThat(PatchShape.of(code, 0, 4)).isEqualTo(PatchShape.OTHER);
        assertThat(PatchShape.of(code, 5, 5)).isEqualTo(PatchShape.OTHER);
    }
}
