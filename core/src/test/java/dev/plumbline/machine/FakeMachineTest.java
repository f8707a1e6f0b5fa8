package dev.plumbline.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class FakeMachineTest extends ChangingMachineContract {

    @Override
    protected Machine open() {
        VcpuRegisters registers = new VcpuRegisters(new long[16], 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        return new FakeMachine()
                .ram(0, 0x1000)
                .ram(0x10_0000, 0x2000)
                .vcpu(registers)
                .put(knownAddress().value(), knownBytes());
    }

    @Override
    protected PhysicalAddress knownAddress() {
        return new PhysicalAddress(0x10_0010);
    }

    @Override
    protected byte[] knownBytes() {
        return "sixteen known bytes".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }

    @Test
    void itFailsFromTheCallItIsToldTo() throws GuestException {
        FakeMachine fake = ((FakeMachine) machine).failFrom(2, new GuestGoneException("gone"));
        MemorySegment word = MemorySegment.ofArray(new byte[8]);
        fake.read(knownAddress(), word);

        assertThatThrownBy(() -> fake.read(knownAddress(), word)).isInstanceOf(GuestGoneException.class);
        assertThat(fake.calls()).containsExactly("read 0x100010 8", "read 0x100010 8");
    }
}
