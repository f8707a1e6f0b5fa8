package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class XenRegistersTest {
    /// `struct hvm_hw_cpu`: where each register stands, in the order of [VcpuRegisters#general()].
    private static final List<Integer> GENERAL =
            List.of(512, 528, 536, 520, 568, 544, 552, 560, 576, 584, 592, 600, 608, 616, 624, 632);

    @Test
    void everyRegisterIsReadFromItsPlace() {
        ByteBuffer state = ByteBuffer.allocate(1032).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 512; at < 1032; at += 4) {
            state.putInt(at, at);
        }
        state.putInt(908, 0xc93 | 3 << 5);
        VcpuRegisters registers = XenRegisters.of(MemorySegment.ofBuffer(state));
        for (int i = 0; i < GENERAL.size(); i++) {
            assertThat(registers.general()[i]).isEqualTo(word(GENERAL.get(i)));
        }
        assertThat(registers.rip()).isEqualTo(word(640));
        assertThat(registers.rflags()).isEqualTo(word(648));
        assertThat(registers.cr0()).isEqualTo(word(656));
        assertThat(registers.cr2()).isEqualTo(word(664));
        assertThat(registers.cr3()).isEqualTo(word(672));
        assertThat(registers.cr4()).isEqualTo(word(680));
        assertThat(registers.fsBase()).isEqualTo(word(832));
        assertThat(registers.gsBase()).isEqualTo(word(840));
        assertThat(registers.idtBase()).isEqualTo(word(872));
        assertThat(registers.gdtBase()).isEqualTo(word(880));
        assertThat(registers.cpl()).isEqualTo(3);
    }

    @Test
    void aVcpuThatIsDownUsesNoPageTables() throws Exception {
        VcpuRegisters down = XenRegisters.down();
        assertThat(down.pagingEnabled()).isFalse();
        // No memory is looked into.
        KernelPages pages = new KernelPages(null);
        pages.add(down);
        assertThatThrownBy(() -> pages.place(0xffff_ffff_8100_0000L))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("no vCPU's page tables can be read: none has any in force");
    }

    private static long word(int at) {
        return (long) (at + 4) << 32 | at;
    }
}
