package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.PatchPlaces.Kind;
import org.junit.jupiter.api.Test;

class PatchPlacesTest {
    private static final long TEXT = 0xffff_ffff_8100_0000L;

    @Test
    void eachKindIsKnownAtItsPlacesOnly() {
        PatchPlaces places = new PatchPlaces(
                new long[] {TEXT, TEXT + 16}, new long[] {TEXT + 5}, new long[] {TEXT + 7}, new long[] {TEXT + 1});

        assertThat(places.kindAt(TEXT)).isEqualTo(Kind.FTRACE);
        assertThat(places.kindAt(TEXT + 16)).isEqualTo(Kind.FTRACE);
        assertThat(places.kindAt(TEXT + 5)).isEqualTo(Kind.STATIC_KEY);
        assertThat(places.kindAt(TEXT + 7)).isEqualTo(Kind.STATIC_CALL);
        assertThat(places.kindAt(TEXT + 1)).isEqualTo(Kind.KPROBE);
        assertThat(places.kindAt(TEXT + 2)).isNull();
        assertThat(PatchPlaces.NONE.kindAt(TEXT)).isNull();
    }
}
