package dev.plumbline.monitoring;

import static dev.plumbline.machine.PageTables.PAGE_4K;
import static dev.plumbline.machine.PageTables.WRITABLE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.FakeMachine;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PageTables;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WatchedMemoryTest {
    private static final long START = 0xffff_ffff_8100_0000L;
    private static final int RAM_BYTES = 1 << 20;
    private static final int BYTES = 600_000;
    private static final long MEMORY_AT = 0x10000;

    private final FakeMachine machine = new FakeMachine().ram(0, RAM_BYTES);
    private final WatchedMemory memory = new WatchedMemory(START, new byte[BYTES]);

    private AddressSpace space() {
        PageTables tables = new PageTables(machine, 0x1000, 4);
        for (long at = 0; at < BYTES; at += PAGE_4K) {
            tables.map(START + at, MEMORY_AT + at, PAGE_4K, WRITABLE);
        }
        return tables.addressSpace();
    }

    private List<Long> changed(AddressSpace space, int dealtWith) throws GuestException {
        List<Long> changed = new ArrayList<>();
        memory.look(space, address -> {
            changed.add(address - START);
            return dealtWith;
        });
        return changed;
    }

    @Test
    void findsEveryChangedByte() throws GuestException {
        AddressSpace space = space();
        assertThat(changed(space, 1)).isEmpty();
        long[] places = {0, 1, 77, (256 << 10) - 1, 256 << 10, 300_000, BYTES - 1};
        for (long place : places) {
            machine.put(MEMORY_AT + place, (byte) 1);
        }
        assertThat(changed(space, 1)).containsExactly(0L, 1L, 77L, (256L << 10) - 1, 256L << 10, 300_000L, BYTES - 1L);
        for (long place : places) {
            memory.accept(START + place, new byte[] {1});
        }
        assertThat(changed(space, 1)).isEmpty();
    }

    @Test
    void whatWasDealtWithIsPassedOverAcrossChunks() throws GuestException {
        AddressSpace space = space();
        machine.put(MEMORY_AT + (256 << 10) - 2, (byte) 1, (byte) 1, (byte) 1, (byte) 1, (byte) 1);
        assertThat(changed(space, 5)).containsExactly((256L << 10) - 2);
        assertThat(changed(space, 4)).containsExactly((256L << 10) - 2, (256L << 10) + 2);
    }

    @Test
    void memoryThatHasGoneIsPassedOver() throws GuestException {
        AddressSpace space = new PageTables(machine, 0x1000, 4)
                .map(START, MEMORY_AT, PAGE_4K, WRITABLE)
                .addressSpace();
        machine.put(MEMORY_AT, (byte) 1);
        assertThat(changed(space, 1)).isEmpty();
    }
}
