package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FrameSizesTest {
    private static final int STACK_POINTER = 5;
    private static final int FRAME_POINTER = 4;

    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);

    /// @param rows of an instruction, a size and a register
    private void table(long[]... rows) {
        long places = linux.rodata(new byte[rows.length * 4]);
        ByteBuffer entries = ByteBuffer.allocate(rows.length * 6).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < rows.length; i++) {
            linux.putInt(places + i * 4L, (int) (rows[i][0] - places - i * 4L));
            entries.putShort((short) rows[i][1]).putShort((short) -16).putShort((short) (0xa50 | rows[i][2]));
        }
        long table = linux.rodata(entries.array());
        linux.symbol("__start_orc_unwind_ip", 'R', places)
                .symbol("__stop_orc_unwind_ip", 'R', places + rows.length * 4L);
        linux.symbol("__start_orc_unwind", 'R', table).symbol("__stop_orc_unwind", 'R', table + rows.length * 6L);
    }

    private FrameSizes read() throws Exception {
        return LinuxKernel.open(linux.machine()).frameSizes();
    }

    @Test
    void anEntryHoldsUntilTheNext() throws Exception {
        table(
                new long[] {FakeLinux.IMAGE + 0x100, 8, STACK_POINTER},
                new long[] {FakeLinux.IMAGE + 0x104, 64, STACK_POINTER},
                new long[] {FakeLinux.IMAGE + 0x180, 16, FRAME_POINTER});
        FrameSizes sizes = read();
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0xff)).isZero();
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0x100)).isEqualTo(8);
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0x103)).isEqualTo(8);
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0x104)).isEqualTo(64);
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0x17f)).isEqualTo(64);
        assertThat(sizes.bytesAt(FakeLinux.IMAGE + 0x180))
                .as("counted from rbp")
                .isZero();
    }

    @Test
    void aTableOutOfOrderAndNoTableSayNothing() throws Exception {
        assertThat(read().bytesAt(FakeLinux.IMAGE + 0x100)).isZero();
        table(
                new long[] {FakeLinux.IMAGE + 0x104, 64, STACK_POINTER},
                new long[] {FakeLinux.IMAGE + 0x100, 8, STACK_POINTER});
        assertThat(read().bytesAt(FakeLinux.IMAGE + 0x200)).isZero();
    }

    @Test
    void aTableThatEndsBeforeItBeginsIsAnError() throws Exception {
        linux.symbol("__start_orc_unwind_ip", 'R', FakeLinux.RODATA + 64)
                .symbol("__stop_orc_unwind_ip", 'R', FakeLinux.RODATA)
                .symbol("__start_orc_unwind", 'R', FakeLinux.RODATA)
                .symbol("__stop_orc_unwind", 'R', FakeLinux.RODATA + 64);
        assertThatThrownBy(this::read).isInstanceOf(KernelFormatException.class).hasMessageContaining("orc_unwind");
    }

    @Test
    void aTableInTextsPlaceMustAscend() {
        assertThatThrownBy(() -> FrameSizes.of(new long[] {2, 1}, new short[2]))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
