package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Which instructions may be copied elsewhere; each is given as its bytes.
class MovableInstructionTest {

    @ParameterizedTest
    @ValueSource(
            strings = {"55", "4154", "89fb", "c1ef04", "4883ec10", "41bc01000000", "65488b042528000000", "488d4708"})
    void thoseThatFunctionsBeginWithAre(String bytes) {
        assertThat(isMovable(bytes)).isTrue();
    }

    // relative to rip, branches, prefixes alone, and what is not known
    @ParameterizedTest
    @ValueSource(
            strings = {
                "488b0512345678",
                "48813dc4c05402904281aa",
                "65488b0512345678",
                "e812345678",
                "7405",
                "48",
                "0f05",
                "c7f812345678"
            })
    void thoseBoundToTheirPlaceAreNot(String bytes) {
        assertThat(isMovable(bytes)).isFalse();
    }

    private static boolean isMovable(String bytes) {
        byte[] code = HexFormat.of().parseHex(bytes);
        return MovableInstruction.at(code, 0, code.length);
    }
}
