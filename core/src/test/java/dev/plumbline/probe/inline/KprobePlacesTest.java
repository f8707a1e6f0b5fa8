package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KprobePlacesTest {
    private static final long CALL = 0xffff_ffff_8100_1000L;

    private static boolean copies(long... kprobes) {
        return new KprobePlaces(kprobes).mayCopy(CALL, 5);
    }

    @Test
    void aKprobeCopiesWhatItsJumpCovers() {
        assertThat(copies(CALL)).isTrue();
        assertThat(copies(CALL - 4)).isTrue();
        assertThat(copies(CALL + 2)).isTrue();
        assertThat(copies(CALL - 100, CALL - 1, CALL + 100)).isTrue();
    }

    @Test
    void othersLeaveItAlone() {
        assertThat(copies()).isFalse();
        assertThat(copies(CALL - 5)).isFalse();
        assertThat(copies(CALL + 5)).isFalse();
        assertThat(copies(CALL - 100, CALL + 100)).isFalse();
    }
}
