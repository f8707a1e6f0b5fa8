package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.dump.DumpMachine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.xen.XenMachine;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// Takes hold of the guest a user names: the only place that knows all drivers.
final class GuestNames {
    private GuestNames() {}

    /// @param name `qemu:NAME`, `qmp:SOCKET`, `dump:FILE`, `xen:NAME` or a bare NAME
    /// @throws GuestException if there is no such guest or it cannot be attached
    static Machine attach(String name) throws GuestException {
        int colon = name.indexOf(':');
        String kind = colon < 0 ? "" : name.substring(0, colon);
        String rest = name.substring(colon + 1);
        if (rest.isEmpty()) {
            throw new GuestException("a guest's name is missing in '" + name + "'; plumbline vms lists guests");
        }
        return switch (kind) {
            case "", "qemu" -> QemuMachine.attach(rest);
            case "qmp" -> QemuMachine.attach(path(rest));
            case "xen" -> XenMachine.attach(rest);
            case "dump" -> DumpMachine.open(path(rest));
            default ->
                throw new GuestException("no guest is named like '" + name
                        + "': write qemu:NAME, xen:NAME, qmp:SOCKET, dump:FILE, or the bare NAME of a QEMU guest");
        };
    }

    private static Path path(String text) throws GuestException {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new GuestException("'" + text + "' is no path: " + e.getReason(), e);
        }
    }
}
