package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DomainInfoTest {
    private static DomainInfo info(int id, int flags, int highestVcpu, int handle) {
        byte[] bytes = new byte[DomainInfo.SIZE_BYTES];
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putShort(0, (short) id);
        buffer.putInt(4, flags);
        buffer.putInt(68, highestVcpu);
        buffer.putInt(76, handle);
        MemorySegment copy = Arena.ofAuto().allocate(DomainInfo.SIZE_BYTES, 8);
        copy.copyFrom(MemorySegment.ofArray(bytes));
        return DomainInfo.of(copy);
    }

    @Test
    void flagsSayWhatADomainIsAndDoes() {
        DomainInfo running = info(40_000, 0x22, 1, 7);
        assertThat(running.id()).isEqualTo(40_000);
        assertThat(running.vcpuCount()).isEqualTo(2);
        assertThat(running.isHardwareVirtualised()).isTrue();
        assertThat(running.isGone() || running.isPaused()).isFalse();
        assertThat(info(1, 0x20, 0, 7).isHardwareVirtualised()).isFalse();
        assertThat(info(1, 0x0a, 0, 7).isPaused()).isTrue();
        assertThat(info(1, 0x03, 0, 7).isGone()).isTrue();
        assertThat(info(1, 0x06, 0, 7).isGone()).isTrue();
    }

    @Test
    void anotherDomainWithTheSameNumberIsAnotherOne() {
        assertThat(info(3, 2, 0, 7).isSameAs(info(3, 10, 0, 7))).isTrue();
        assertThat(info(3, 2, 0, 7).isSameAs(info(3, 2, 0, 8))).isFalse();
        assertThat(info(3, 2, 0, 7).isSameAs(info(4, 2, 0, 7))).isFalse();
    }

    @Test
    void aCountOfVcpusThatMakesNoSenseIsBounded() {
        assertThat(info(3, 2, -1, 7).vcpuCount()).isEqualTo(1);
        assertThat(info(3, 2, Integer.MAX_VALUE, 7).vcpuCount()).isLessThan(10_000);
    }
}
