package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.qemu.QmpClient;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/// Commands that look at a guest neither pause it nor change a byte of it.
interface UntouchedContract {
    int CHUNK_BYTES = 1 << 20;

    GuestUnderTest guest();

    @Test
    default void lookingAtPausedGuestChangesNoByteOfItsMemory() throws Exception {
        long before;
        try (QmpClient monitor = guest().monitor()) {
            monitor.execute("stop");
            try {
                before = checksumOfMemory();
                look();
                assertThat(checksumOfMemory()).isEqualTo(before);
                assertThat(monitor.execute("query-status").get("status").text()).isEqualTo("paused");
            } finally {
                monitor.execute("cont");
            }
        }
        assertThat(guest().says().text("uptime")).isNotEmpty();
        assertThat(checksumOfMemory()).as("that a change would be seen").isNotEqualTo(before);
    }

    @Test
    default void lookingAtRunningGuestNeverPausesIt() throws Exception {
        String console = guest().console();
        long[] ends = guest().says().addresses("_text", "_etext", "__start_rodata", "__end_rodata");
        long before = checksumOfTextAndReadOnlyData(ends);
        try (MonitorEvents events = new MonitorEvents(guest().secondMonitor())) {
            look();
            assertThat(events.soFar()).isEmpty();
            try (QmpClient other = QmpClient.connect(guest().guest().qmpSocket())) {
                other.execute("stop");
                other.execute("cont");
            }
            assertThat(events.soFar()).as("that a pause would be seen").containsExactly("STOP", "RESUME");
        }
        assertThat(checksumOfTextAndReadOnlyData(ends)).isEqualTo(before);
        assertThat(guest().console()).isEqualTo(console);
    }

    private void look() {
        CommandRun.of("inspect", guest().vm()).succeeded();
        CommandRun.of("callgraph", guest().vm(), "--from", "getdents64").succeeded();
        CommandRun.of("vms").succeeded();
    }

    private long checksumOfMemory() throws GuestException {
        CRC32C sum = new CRC32C();
        MemorySegment chunk = MemorySegment.ofArray(new byte[CHUNK_BYTES]);
        try (Machine machine = QemuMachine.attach(guest().guest().qmpSocket())) {
            for (MemoryRange range : machine.memory().ranges()) {
                for (long at = 0; at < range.sizeBytes(); at += CHUNK_BYTES) {
                    MemorySegment part = chunk.asSlice(0, Math.min(CHUNK_BYTES, range.sizeBytes() - at));
                    machine.memory().read(new PhysicalAddress(range.start().value() + at), part);
                    sum.update(part.asByteBuffer());
                }
            }
        }
        return sum.getValue();
    }

    private long checksumOfTextAndReadOnlyData(long[] ends) throws GuestException {
        return guest().read(kernel -> {
            CRC32C sum = new CRC32C();
            byte[] page = new byte[4096];
            for (int part = 0; part < ends.length; part += 2) {
                for (long at = ends[part]; at + page.length <= ends[part + 1]; at += page.length) {
                    kernel.addressSpace().read(new VirtualAddress(at), MemorySegment.ofArray(page));
                    sum.update(page);
                }
            }
            return sum.getValue();
        });
    }
}
