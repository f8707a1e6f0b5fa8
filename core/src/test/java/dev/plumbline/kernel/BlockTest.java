package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockTest {
    private final Block block = new Block("thing", 0xffff_ffff_8100_0000L, new byte[] {
        (byte) 0xf1, (byte) 0xf2, (byte) 0xf3, (byte) 0xf4, (byte) 0xf5, (byte) 0xf6, (byte) 0xf7, (byte) 0xf8, 'a', 0
    });

    @Test
    void numbersAreLittleEndianAtAnyOffset() throws KernelFormatException {
        assertThat(block.u8(0)).isEqualTo(0xf1);
        assertThat(block.u16(1)).isEqualTo(0xf3f2);
        assertThat(block.s32(0)).isEqualTo(0xf4f3_f2f1);
        assertThat(block.u32(3)).isEqualTo(0xf7f6_f5f4L);
        assertThat(block.s64(0)).isEqualTo(0xf8f7_f6f5_f4f3_f2f1L);
        assertThat(block.unsigned(0, 2)).isEqualTo(0xf2f1);
        assertThat(block.unsigned(0, 8)).isEqualTo(0xf8f7_f6f5_f4f3_f2f1L);
    }

    @Test
    void textEndsAtItsNulOrAtTheLimitOrWithTheBlock() throws KernelFormatException {
        assertThat(block.text(8, 5)).isEqualTo("a");
        assertThat(block.text(8, 0)).isEmpty();
        assertThat(block.text(10, 5)).isEmpty();
        assertThat(new Block("thing", 0, new byte[] {'a', 'b'}).text(0, 5)).isEqualTo("ab");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 3, 10, Integer.MAX_VALUE, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE})
    void whatLiesOutsideIsRefusedWithItsAddress(long offset) {
        assertThatThrownBy(() -> block.s64(offset))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("thing at 0x")
                .hasMessageContaining("outside the 10 bytes");
    }

    @Test
    void aNumberOfAnOddSizeIsRefused() {
        assertThatThrownBy(() -> block.unsigned(0, 3)).hasMessageContaining("a number of 3 bytes");
    }
}
