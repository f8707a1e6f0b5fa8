package dev.plumbline.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MemoryRangeTest {
    private final MemoryRange range = new MemoryRange(new PhysicalAddress(0x1000), 0x2000);

    @Test
    void itsEndIsTheFirstByteBehindIt() {
        assertThat(range.end()).isEqualTo(new PhysicalAddress(0x3000));
    }

    @Test
    void whatReachesOverAnEdgeIsNotContained() {
        assertThat(range.contains(new PhysicalAddress(0x1000), 0x2000)).isTrue();
        assertThat(range.contains(new PhysicalAddress(0x2fff), 1)).isTrue();
        assertThat(range.contains(new PhysicalAddress(0x2fff), 2)).isFalse();
        assertThat(range.contains(new PhysicalAddress(0xfff), 1)).isFalse();
        assertThat(range.contains(new PhysicalAddress(0x3000), 1)).isFalse();
    }

    @Test
    void hostileAddressesAndLengthsDoNotOverflow() {
        assertThat(range.contains(new PhysicalAddress(-1), 2)).isFalse();
        assertThat(range.contains(new PhysicalAddress(0x1000), Long.MAX_VALUE)).isFalse();
        assertThat(range.contains(new PhysicalAddress(0x1000), -1)).isFalse();
        assertThat(range.contains(new PhysicalAddress(Long.MIN_VALUE), 8)).isFalse();
        assertThat(range.contains(new PhysicalAddress(Long.MAX_VALUE), 8)).isFalse();
    }
}
