package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DirectBranchTest {
    @ParameterizedTest
    @CsvSource({
        "e801020304, ffffffff85030206",
        "e8fbffffff, ffffffff81000000",
        "e900000080, ffffffff01000005",
        "eb7f, ffffffff81000081",
        "ebfe, ffffffff81000000",
        "74fc, ffffffff80fffffe",
        "0f84fafeffff, ffffffff80ffff00",
        "2e7404, ffffffff81000007",
        "f2e801020304, ffffffff85030207",
        "6648e801020304, ffffffff85030208",
        "4866e80102, 206",
        "66e80102, 205",
        "660f840102, 206",
        "66eb04, ffffffff81000007",
        "67e304, ffffffff81000007",
        "e204, ffffffff81000006"
    })
    void theTargetIsRelativeToTheNextInstruction(String bytes, String target) {
        byte[] code = HexFormat.of().parseHex(bytes);
        assertThat(Long.toHexString(DirectBranch.target(code, 0, code.length, 0xffffffff81000000L)))
                .isEqualTo(target);
    }
}
