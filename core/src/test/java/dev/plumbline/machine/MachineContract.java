package dev.plumbline.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What every driver keeps to. A driver's test extends this and says how its machine comes to be; one more, if
/// it has the capabilities, extends [ChangingMachineContract].
@Timeout(value = 60, unit = TimeUnit.SECONDS)
public abstract class MachineContract {
    protected Machine machine;

    /// A machine with RAM at [#knownAddress()] that holds [#knownBytes()], at least 16 of them.
    protected abstract Machine open() throws Exception;

    protected abstract PhysicalAddress knownAddress();

    protected abstract byte[] knownBytes();

    @BeforeEach
    void openMachine() throws Exception {
        machine = open();
    }

    @AfterEach
    void closeMachine() throws GuestException {
        machine.close();
    }

    @Test
    void rangesAscendWithoutOverlap() {
        List<MemoryRange> ranges = machine.memory().ranges();

        assertThat(ranges).isNotEmpty();
        for (int i = 0; i < ranges.size(); i++) {
            assertThat(ranges.get(i).sizeBytes()).isPositive();
            if (i > 0) {
                assertThat(ranges.get(i).start())
                        .isGreaterThanOrEqualTo(ranges.get(i - 1).end());
            }
        }
    }

    @Test
    void knownBytesAreReadToHeapAndNativeMemoryAtAnyOffset() throws GuestException {
        byte[] known = knownBytes();
        try (Arena arena = Arena.ofConfined()) {
            for (int skip = 0; skip < 9; skip++) {
                int length = known.length - skip;
                byte[] expected = java.util.Arrays.copyOfRange(known, skip, known.length);
                MemorySegment outside = arena.allocate(length + skip).asSlice(skip);
                byte[] heap = new byte[length];

                machine.memory().read(knownAddress().plus(skip), outside);
                machine.memory().read(knownAddress().plus(skip), MemorySegment.ofArray(heap));

                assertThat(outside.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                        .isEqualTo(expected);
                assertThat(heap).isEqualTo(expected);
            }
        }
    }

    @Test
    void aReadOfNothingIsAllowed() throws GuestException {
        machine.memory().read(knownAddress(), MemorySegment.ofArray(new byte[0]));
    }

    @Test
    void theFirstAndLastByteOfEachRangeAreReadable() throws GuestException {
        for (MemoryRange range : machine.memory().ranges()) {
            machine.memory().read(range.start(), MemorySegment.ofArray(new byte[1]));
            machine.memory().read(range.end().plus(-1), MemorySegment.ofArray(new byte[1]));
        }
    }

    @Test
    void whatIsNotRamIsUnreadable() {
        PhysicalAddress end = machine.memory().ranges().getLast().end();
        for (PhysicalAddress address : List.of(
                end, end.plus(-7), new PhysicalAddress(-8), new PhysicalAddress(Long.MIN_VALUE), end.plus(1L << 45))) {
            assertThatThrownBy(() -> machine.memory().read(address, MemorySegment.ofArray(new byte[8])))
                    .isInstanceOf(UnreadableMemoryException.class)
                    .hasMessageContaining(address.toString());
        }
    }

    @Test
    void everyVcpuHasRegisters() throws GuestException {
        assertThat(machine.registers().vcpuCount()).isPositive();
        for (int vcpu = 0; vcpu < machine.registers().vcpuCount(); vcpu++) {
            VcpuRegisters registers = machine.registers().read(vcpu);
            assertThat(registers.general()).hasSize(16);
            assertThat(registers.cpl()).isBetween(0, 3);
        }
    }

    @Test
    void aVcpuThatThereIsNotIsAnError() {
        int count = machine.registers().vcpuCount();
        assertThatThrownBy(() -> machine.registers().read(count)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> machine.registers().read(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aCapabilityIsOfItsKind() {
        for (Class<?> kind : List.of(MemoryWriter.class, CodeWriter.class, Pausing.class)) {
            machine.capability(kind)
                    .ifPresent(capability -> assertThat(capability).isInstanceOf(kind));
        }
        assertThat(machine.capability(String.class)).isEmpty();
    }

    @Test
    void closingTwiceIsAllowed() throws GuestException {
        machine.close();
        machine.close();
    }

    @Test
    void itHasAName() {
        assertThat(machine.name()).contains(":").doesNotContain("\n");
    }
}
