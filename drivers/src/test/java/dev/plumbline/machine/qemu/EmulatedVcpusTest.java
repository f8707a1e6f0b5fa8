package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.machine.proc.ProcessMapping;
import dev.plumbline.machine.proc.ProcessMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// In memory of this process. [QemuBreakpointsTest] has them found in a QEMU.
class EmulatedVcpusTest {
    private static final int FIRST = 200_000;
    private static final int SECOND = 3_000;
    private static final int COPY = 131_000;
    private static final int SEGMENTS = 27;
    private static final int[] SELECTORS = {0, 0x10, 0x18, 0, 0, 0x23};

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment heap = arena.allocate(4 << 20, 4096);
    private final List<StubRegisters> told = List.of(registers(1), registers(2));
    private ProcessMemory memory;

    @BeforeEach
    void open() throws GuestException {
        memory = ProcessMemory.open(ProcessHandle.current().pid());
    }

    @AfterEach
    void close() throws GuestException {
        memory.close();
        arena.close();
    }

    @Test
    void areFoundByWhatTheStubSaysAndReadAgainLater() throws GuestException {
        put(FIRST, 1, SEGMENTS);
        put(SECOND, 2, SEGMENTS);
        // Something else that has been where the vCPU is now.
        putRegisters(COPY, 2);
        EmulatedVcpus vcpus = find().orElseThrow();
        assertThat(vcpus.read())
                .containsExactly(told.get(0).state(), told.get(1).state());

        put(FIRST, 3, SEGMENTS);
        assertThat(vcpus.read())
                .containsExactly(registers(3).state(), told.get(1).state());
    }

    @Test
    void areNotFoundWhereOneIsMissing() throws GuestException {
        put(FIRST, 1, SEGMENTS);
        assertThat(find()).isEmpty();
    }

    @Test
    void areNotBelievedWhereTheGuestHasMadeACopy() throws GuestException {
        put(FIRST, 1, SEGMENTS);
        put(SECOND, 2, SEGMENTS);
        put(COPY, 2, SEGMENTS);
        assertThat(find()).isEmpty();
    }

    @Test
    void areNotFoundInAnotherLayout() throws GuestException {
        put(FIRST, 1, SEGMENTS);
        put(SECOND, 2, SEGMENTS + 1);
        assertThat(find()).isEmpty();
        put(SECOND, 2, 100);
        assertThat(find()).isEmpty();
    }

    private Optional<EmulatedVcpus> find() throws GuestException {
        long start = heap.address();
        ProcessMapping mapping =
                new ProcessMapping(start, start + heap.byteSize(), true, false, 0, "00:00", 0, "[heap]");
        return EmulatedVcpus.find(memory, List.of(mapping), told);
    }

    private static StubRegisters registers(int number) {
        long[] general = LongStream.range(0, 16).map(n -> number << 20 | n).toArray();
        VcpuState state = new VcpuState(general, 0x8100_0000L + number, 0x246, 0x8800_0000L + number, 0);
        return new StubRegisters(state, SELECTORS, 0x7f00L + number);
    }

    private void put(int word, int number, int segments) {
        putRegisters(word, number);
        StubRegisters registers = registers(number);
        for (int segment = 0; segment < SELECTORS.length; segment++) {
            put(word + segments + 3 * segment, 0xabcd_0000_0000L << 16 | SELECTORS[segment]);
        }
        put(word + segments + 3 * 4 + 1, registers.fsBase());
        put(word + segments + 3 * 5 + 1, registers.state().gsBase);
    }

    private void putRegisters(int word, int number) {
        heap.asSlice(word * 8L, 256 * 8).fill((byte) 0);
        VcpuState state = registers(number).state();
        MemorySegment.copy(state.general, 0, heap, ValueLayout.JAVA_LONG, word * 8L, 16);
        put(word + 16, state.rip);
        put(word + 17, state.rflags);
    }

    private void put(int word, long value) {
        heap.setAtIndex(ValueLayout.JAVA_LONG, word, value);
    }
}
