package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuState;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class VmEventTest {
    private static final int SS = 356;

    /// A request in which each word of the registers is its own offset.
    static MemorySegment request(int vcpu) {
        MemorySegment request = MemorySegment.ofArray(new long[50]);
        request.set(JAVA_INT_UNALIGNED, 0, 7);
        request.set(JAVA_INT_UNALIGNED, 4, 1);
        request.set(JAVA_INT_UNALIGNED, 8, 6);
        request.set(JAVA_INT_UNALIGNED, 12, vcpu);
        request.set(JAVA_LONG_UNALIGNED, 24, 0x1234L);
        for (int at = 56; at < 400; at += 8) {
            request.set(JAVA_LONG_UNALIGNED, at, at);
        }
        request.set(JAVA_INT_UNALIGNED, SS, 0xc93 << 20);
        return request;
    }

    @Test
    void everyRegisterIsReadFromItsPlace() {
        MemorySegment request = request(3);
        VmEvent event = VmEvent.of(request);
        VcpuState state = event.state();
        for (int i = 0; i < 16; i++) {
            assertThat(state.general[i]).as("register %d", i).isEqualTo(56 + 8 * i);
        }
        assertThat(state.rip).isEqualTo(208).isEqualTo(event.rip());
        assertThat(state.rflags).isEqualTo(184);
        assertThat(state.gsBase).isEqualTo(344);
        assertThat(state.cpl).isZero();
        assertThat(event.cr3()).isEqualTo(232);
        assertThat(event.cr4()).isEqualTo(240);
        assertThat(event.vcpu()).isEqualTo(3);
        assertThat(event.isBreakpoint()).isTrue();
        assertThat(event.place()).isEqualTo(new PhysicalAddress(0x1234_000 + 208));

        request.set(JAVA_INT_UNALIGNED, SS, 0xcf3 << 20);
        assertThat(VmEvent.of(request).state().cpl).isEqualTo(3);
        request.set(JAVA_INT_UNALIGNED, 8, 9);
        assertThat(VmEvent.of(request).isBreakpoint()).isFalse();
    }

    @Test
    void anAnswerSaysHowTheVcpuGoesOn() {
        VmEvent event = VmEvent.of(request(1));
        VcpuState state = event.state();
        state.rip = 5;
        state.rflags = 6;
        state.general[15] = 7;
        assertThat(event.runOn().flags()).isEqualTo(1);
        assertThat(event.runOn().state()).isEqualTo(event.state());
        assertThat(event.runOn(state).flags()).isEqualTo(0x101);
        assertThat(event.runOn(state).state()).isEqualTo(state);
        assertThat(event.stay(state).flags()).isEqualTo(0x100);
        assertThat(event.stay(state).state()).isEqualTo(state);
        assertThat(event.state().rip).as("the request itself").isEqualTo(208);
    }

    @Test
    void anInstructionTakesThePlaceOfTheRegisters() {
        VmEvent answer = VmEvent.of(request(1)).runOnBehind(new byte[] {1, 2, 3});
        MemorySegment entry = MemorySegment.ofArray(new byte[400]);
        answer.copyTo(entry);
        assertThat(answer.flags()).isEqualTo(0x205);
        assertThat(answer.vcpu()).isEqualTo(1);
        assertThat(answer.isBreakpoint()).isTrue();
        assertThat(entry.get(JAVA_LONG_UNALIGNED, 56)).isEqualTo(0x030201);
        assertThat(entry.get(JAVA_LONG_UNALIGNED, 64)).isZero();
    }

    @Test
    void aVcpuWhoseRequestIsUnknownIsLetRunOn() {
        VmEvent answer = VmEvent.unasked(2);
        assertThat(answer.version()).isEqualTo(7);
        assertThat(answer.vcpu()).isEqualTo(2);
        assertThat(answer.flags()).isEqualTo(1);
    }
}
