package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryDump;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/// Dumps memory through QMP's `dump-guest-memory` (QEMU's qapi/dump.json), in the background of QEMU, whose monitor
/// answers meanwhile however large the guest is.
final class QemuMemoryDump implements MemoryDump {
    private static final long LOOK_NANOS = 50_000_000L;

    private final QmpClient qmp;

    QemuMemoryDump(QmpClient qmp) {
        this.qmp = qmp;
    }

    @Override
    public void dump(Path file) throws GuestException {
        qmp.execute("dump-guest-memory", Map.of("paging", false, "protocol", "file:" + file, "detach", true));
        while (true) {
            switch (qmp.execute("query-dump").get("status").text()) {
                case "completed" -> {
                    return;
                }
                case "failed" ->
                    throw new GuestException("QEMU could not write all of the memory to " + file
                            + ": make room, or have it written elsewhere");
                default -> LockSupport.parkNanos(LOOK_NANOS);
            }
        }
    }
}
