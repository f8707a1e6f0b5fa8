package dev.plumbline.testbed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalLong;

/// A guest as `plumbline testbed list` shows it.
///
/// @param name its name
/// @param options kernel, vCPUs, memory and accelerator; the rest is as by default
/// @param pid QEMU's process id; empty if the guest does not run
/// @param qmpSocket where QMP listens
public record GuestStatus(String name, GuestOptions options, OptionalLong pid, Path qmpSocket) {

    static GuestStatus of(GuestDirectory guest) throws IOException {
        OptionalLong pid = QemuProcess.of(guest).stream()
                .mapToLong(qemu -> qemu.handle().pid())
                .findFirst();
        return new GuestStatus(guest.name(), guest.readOptions(), pid, guest.qmpSocket());
    }

    /// Whether QEMU runs.
    public boolean running() {
        return pid.isPresent();
    }
}
