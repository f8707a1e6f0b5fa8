package dev.plumbline.machine.qemu;

import dev.plumbline.machine.VcpuRegisters;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// A dump of a bare guest, with what the monitor said of it at that moment.
///
/// @param file the dump
/// @param paged the same guest dumped by virtual addresses
/// @param registers of each vCPU
public record BareDump(Path file, Path paged, List<VcpuRegisters> registers) {

    /// Starts a guest, stops and dumps it.
    public static BareDump take(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("dump");
        Path paged = directory.resolve("paged");
        try (BareGuest guest = BareGuest.start("-m", "16", "-smp", "2");
                QmpClient qmp = QmpClient.connect(guest.socket())) {
            while (!RegisterDump.parse(qmp.monitor("info registers", 0)).pagingEnabled()) {
                TimeUnit.MILLISECONDS.sleep(1);
            }
            qmp.execute("stop");
            List<VcpuRegisters> registers = List.of(
                    RegisterDump.parse(qmp.monitor("info registers", 0)),
                    RegisterDump.parse(qmp.monitor("info registers", 1)));
            qmp.execute("dump-guest-memory", Map.of("paging", false, "protocol", "file:" + file));
            qmp.execute("dump-guest-memory", Map.of("paging", true, "protocol", "file:" + paged));
            return new BareDump(file, paged, registers);
        }
    }

    /// Where the guest's code is.
    public long codeAddress() {
        return BareFirmware.LOOP;
    }

    /// The guest's code.
    public byte[] code() {
        return BareFirmware.loop();
    }
}
