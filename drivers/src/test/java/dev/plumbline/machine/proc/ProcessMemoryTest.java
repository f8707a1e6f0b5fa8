package dev.plumbline.machine.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
    private static final int SIZE = (3 << 20) + 5;

    @Test
    void thisProcessReadsAndWritesItsOwnMemory() throws GuestException {
        byte[] random = new byte[SIZE];
        new Random(1).nextBytes(random);
        try (Arena arena = Arena.ofConfined();
                ProcessMemory memory =
                        ProcessMemory.open(ProcessHandle.current().pid())) {
            MemorySegment there = arena.allocate(SIZE);
            memory.write(there.address(), MemorySegment.ofArray(random));
            assertThat(there.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(random);

            MemorySegment outside = arena.allocate(SIZE - 3);
            memory.read(there.address() + 3, outside);
            assertThat(outside.mismatch(there.asSlice(3))).isEqualTo(-1);

            byte[] heap = new byte[SIZE];
            memory.read(there.address(), MemorySegment.ofArray(heap));
            assertThat(heap).isEqualTo(random);
            memory.checkAlive(there.address());
        }
    }

    @Test
    void anAddressThatIsNotMappedIsNamed() throws GuestException {
        try (ProcessMemory memory = ProcessMemory.open(ProcessHandle.current().pid())) {
            assertThatThrownBy(() -> memory.read(0x10, MemorySegment.ofArray(new byte[8])))
                    .isExactlyInstanceOf(GuestException.class)
                    .hasMessageContaining("0x10");
        }
    }

    @Test
    void afterClosingItSaysSo() throws GuestException {
        ProcessMemory memory = ProcessMemory.open(ProcessHandle.current().pid());
        memory.close();
        memory.close();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment destination = arena.allocate(8);
            assertThatThrownBy(() -> memory.read(destination.address(), destination))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("closed");
        }
    }
}
