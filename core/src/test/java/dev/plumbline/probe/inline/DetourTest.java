package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.InstructionDecoder;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DetourTest {
    private static final long ADDRESS = 0xffff_ffff_8100_1000L;
    private static final long GATE = 0xffff_ffff_81c0_0040L;

    private static Detour detour(int sizeBytes) {
        return new Detour(new Code(ADDRESS, new PhysicalAddress(0x100_1000), new byte[sizeBytes]));
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 7, 15})
    void theJumpIsOneInstructionAsLongAsWhatItDisplaces(int sizeBytes) throws Exception {
        byte[] jump = Arrays.copyOf(detour(sizeBytes).jumpTo(GATE), sizeBytes + InstructionDecoder.LOOKAHEAD_BYTES);
        assertThat(InstructionDecoder.length(new InstructionDecoder().decode(jump, 0, sizeBytes)))
                .isEqualTo(sizeBytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 7, 15})
    void itIsKnownAgainBelowABreakpointToo(int sizeBytes) {
        byte[] jump = detour(sizeBytes).jumpTo(GATE);
        assertThat(detour(sizeBytes).targetOf(jump)).hasValue(GATE);
        jump[0] = (byte) 0xcc;
        assertThat(detour(sizeBytes).targetOf(jump)).hasValue(GATE);
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 7})
    void otherCodeIsNoJump(int sizeBytes) {
        assertThat(detour(sizeBytes).targetOf(new byte[sizeBytes])).isEmpty();
        byte[] jump = detour(sizeBytes).jumpTo(GATE);
        jump[0] = 0x65;
        assertThat(detour(sizeBytes).targetOf(jump)).isEmpty();
    }
}
