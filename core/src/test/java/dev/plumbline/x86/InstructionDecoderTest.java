package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.ElfCode;
import dev.plumbline.x86.zydis.ZydisDecoder;
import dev.plumbline.x86.zydis.ZydisFormatter;
import dev.plumbline.x86.zydis.ZydisLibrary;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
class InstructionDecoderTest {
    private static final String[] LEGACY_PREFIXES = {"", "66", "2e", "65", "f2", "f3", "f0", "66f3", "f2f3", "f3f2"};
    private static final String[] REX_PREFIXES = {"", "40", "41", "44", "48", "4f"};

    private final InstructionDecoder decoder;
    private final ZydisDecoder zydis;

    InstructionDecoderTest() throws Exception {
        decoder = new InstructionDecoder();
        zydis = new ZydisDecoder(ZydisLibrary.load());
    }

    @ParameterizedTest
    @CsvSource({
        "e800000000, CALL, 5",
        "f2e800000000, CALL, 6",
        "3ee800000000, CALL, 6",
        "6648e800000000, CALL, 7",
        "66e80000, CALL, 4",
        "e900000000, JUMP, 5",
        "eb00, JUMP, 2",
        "66eb00, JUMP, 3",
        "7400, CONDITIONAL_JUMP, 2",
        "2e7400, CONDITIONAL_JUMP, 3",
        "0f8400000000, CONDITIONAL_JUMP, 6",
        "480f8400000000, CONDITIONAL_JUMP, 7",
        "e200, CONDITIONAL_JUMP, 2",
        "e300, CONDITIONAL_JUMP, 2",
        "67e300, CONDITIONAL_JUMP, 3",
        "ffd0, INDIRECT_CALL, 2",
        "41ffd3, INDIRECT_CALL, 3",
        "3effd0, INDIRECT_CALL, 3",
        "ff1500000000, INDIRECT_CALL, 6",
        "ffe0, INDIRECT_JUMP, 2",
        "3effe0, INDIRECT_JUMP, 3",
        "ff24c500000000, INDIRECT_JUMP, 7",
        "ff18, FAR, 2",
        "48ff28, FAR, 3",
        "48cf, FAR, 2",
        "cb, FAR, 1",
        "0f07, FAR, 2",
        "c3, RETURN, 1",
        "f3c3, RETURN, 2",
        "c20800, RETURN, 3",
        "cc, BREAKPOINT, 1",
        "cd03, SEQUENTIAL, 2",
        "0f0b, TRAP, 2",
        "670fb94001, TRAP, 5",
        "f4, TRAP, 1",
        "90, NO_OPERATION, 1",
        "6690, NO_OPERATION, 2",
        "f390, SEQUENTIAL, 2",
        "4190, SEQUENTIAL, 2",
        "4890, NO_OPERATION, 2",
        "0f1f440000, NO_OPERATION, 5",
        "66662e0f1f840000000000, NO_OPERATION, 11",
        "660f1f00, NO_OPERATION, 4",
        "f30f1efa, SEQUENTIAL, 4",
        "488b04250000000000, SEQUENTIAL, 8",
        "488b04c500000000, SEQUENTIAL, 8",
        "488b0424, SEQUENTIAL, 4",
        "48b80000000000000000, SEQUENTIAL, 10",
        "c5f877, SEQUENTIAL, 3",
        "f00fb10f, SEQUENTIAL, 4",
        "f072da, CONDITIONAL_JUMP, 3",
        "06, INVALID, 1",
        "660f04, INVALID, 3",
        "ffff, INVALID, 1",
        "0f3877, INVALID, 3",
        "c5e8da, INVALID, 3",
        "482e7404, SEQUENTIAL, 1"
    })
    void eachFormHasItsFlowAndLength(String bytes, InstructionFlow flow, int lengthBytes) {
        byte[] code = padded(HexFormat.of().parseHex(bytes));
        for (int pass = 1; pass <= 2; pass++) { // the second is answered from memory
            int decoded = decoder.decode(code, 0, code.length - InstructionDecoder.LOOKAHEAD_BYTES);
            assertThat(InstructionFlow.of(decoded)).isEqualTo(flow);
            assertThat(InstructionDecoder.length(decoded)).isEqualTo(lengthBytes);
        }
    }

    @Test
    void anInstructionThatIsCutOffIsOneUndecodableByte() {
        byte[] code = padded(HexFormat.of().parseHex("e801020304"));
        assertThat(decoder.decode(code, 0, 5) >> 4).isEqualTo(InstructionFlow.CALL.ordinal());
        for (int limit = 1; limit < 5; limit++) {
            assertThat(decoder.decode(code, 0, limit)).isEqualTo(InstructionFlow.INVALID.ordinal() << 4 | 1);
        }
    }

    @Test
    void everyShapeIsWhatZydisSaysWhateverFollows() {
        Random random = new Random(1);
        byte[] code = new byte[15 + InstructionDecoder.LOOKAHEAD_BYTES];
        for (String prefixes : prefixes()) {
            byte[] start = HexFormat.of().parseHex(prefixes);
            for (int shape = 0; shape < 1 << 17; shape++) {
                for (int tail = 0; tail < 2; tail++) {
                    random.nextBytes(code);
                    System.arraycopy(start, 0, code, 0, start.length);
                    int at = start.length;
                    if (shape >> 16 == 1) {
                        code[at++] = 0x0f;
                    }
                    code[at] = (byte) (shape >> 8);
                    code[at + 1] = (byte) shape;
                    requireSameAsZydis(code, 0, 15);
                }
            }
        }
    }

    @Test
    void realCodeIsWhatZydisSays() throws Exception {
        byte[] text = ElfCode.ofJvm().text();
        byte[] code = padded(text);
        for (int at = 0; at < text.length; ) {
            at += requireSameAsZydis(code, at, text.length);
        }
        assertThat(decoder.misses()).isLessThan(text.length / 50);
    }

    @Test
    void randomBytesAreWhatZydisSays() {
        byte[] random = new byte[1 << 20];
        new Random(2).nextBytes(random);
        byte[] code = padded(random);
        for (int at = 0; at < random.length; ) {
            at += requireSameAsZydis(code, at, random.length);
        }
    }

    @Test
    void flowsAreWhatTheFormatterCallsThem() throws Exception {
        ZydisFormatter formatter = new ZydisFormatter(ZydisLibrary.load());
        byte[] random = new byte[1 << 19];
        new Random(3).nextBytes(random);
        byte[] code = padded(random);
        for (int at = 0; at < random.length; ) {
            int decoded = decoder.decode(code, at, random.length);
            String text = formatter.format(code, at, random.length, 0);
            boolean isHint = text != null && text.startsWith("nop "); // reserved for hints, or a long NOP
            if (text != null && !isHint && !startsWithVoidRex(code, at)) {
                assertThat(looksLike(text)).as(text).isEqualTo(InstructionFlow.of(decoded));
            }
            at += InstructionDecoder.length(decoded);
        }
    }

    private static InstructionFlow looksLike(String text) {
        String[] words = text.replaceAll("^((bnd|notrack|rep|repe|repne|lock|xacquire|xrelease) )*", "")
                .split(" ");
        boolean isDirect = words.length > 1 && words[1].matches("[+-]?0x\\p{XDigit}+");
        boolean isFar = words.length > 1 && words[1].startsWith("far");
        return switch (words[0]) {
            case "nop" -> InstructionFlow.NO_OPERATION;
            case "int3" -> InstructionFlow.BREAKPOINT;
            case "ud0", "ud1", "ud2", "hlt" -> InstructionFlow.TRAP;
            case "ret" -> text.contains("far") ? InstructionFlow.FAR : InstructionFlow.RETURN;
            case "iret", "iretd", "iretq", "sysret", "sysexit" -> InstructionFlow.FAR;
            case "call" ->
                isFar ? InstructionFlow.FAR : isDirect ? InstructionFlow.CALL : InstructionFlow.INDIRECT_CALL;
            case "jmp" -> isFar ? InstructionFlow.FAR : isDirect ? InstructionFlow.JUMP : InstructionFlow.INDIRECT_JUMP;
            case "jkzd", "jknzd" -> InstructionFlow.SEQUENTIAL; // of Xeon Phi
            default ->
                words[0].startsWith("j") || words[0].startsWith("loop")
                        ? InstructionFlow.CONDITIONAL_JUMP
                        : InstructionFlow.SEQUENTIAL;
        };
    }

    private static String[] prefixes() {
        return Arrays.stream(LEGACY_PREFIXES)
                .flatMap(legacy -> Arrays.stream(REX_PREFIXES).map(rex -> legacy + rex))
                .toArray(String[]::new);
    }

    // No assertion object for each of millions.
    private int requireSameAsZydis(byte[] code, int at, int limit) {
        int decoded = decoder.decode(code, at, limit);
        int length = InstructionDecoder.length(decoded);
        int expected = zydis.decode(code, at, limit);
        boolean isSame = expected == 0
                ? zydis.wronglyLocked() || InstructionFlow.of(decoded) == InstructionFlow.INVALID
                : length == expected;
        if (length == 0 || length > limit - at || !isSame && !startsWithVoidRex(code, at)) {
            throw new AssertionError("%s: length %d, Zydis says %d"
                    .formatted(HexFormat.of().formatHex(code, at, Math.min(at + 15, limit)), length, expected));
        }
        return length;
    }

    private static boolean startsWithVoidRex(byte[] code, int at) {
        int last = Prefixes.skip(code, at, code.length) - 1;
        for (int i = at; i < last; i++) {
            if (Prefixes.isRex(code[i] & 0xff)) {
                return true;
            }
        }
        return false;
    }

    private static byte[] padded(byte[] code) {
        return Arrays.copyOf(code, code.length + InstructionDecoder.LOOKAHEAD_BYTES);
    }
}
