package dev.plumbline.testbed;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How QEMU is started for a test guest: a machine with RAM, vCPUs, a serial console and the exec ports, and
/// QMP as the only way in. No debug socket and no shared memory backend, unless a caller adds them.
final class QemuCommandLine {
    static final String PROGRAM = "qemu-system-x86_64";

    private QemuCommandLine() {}

    /// @param start how QEMU itself is named, with options that go before all others
    static List<String> of(List<String> start, GuestDirectory guest, BootImages images, GuestOptions options) {
        List<String> line = new ArrayList<>(start);
        line.addAll(List.of("-name", guest.name()));
        line.addAll(List.of("-no-user-config", "-nodefaults", "-display", "none"));
        String accelerator = options.kvm() ? "kvm" : "tcg";
        boolean isGiven = options.extraQemuArguments().contains("-accel");
        line.addAll(List.of("-machine", isGiven ? "pc" : "pc,accel=" + accelerator));
        line.addAll(List.of("-cpu", options.effectiveCpuModel()));
        line.addAll(List.of("-smp", Integer.toString(options.cpus()), "-m", options.memoryMib() + "M"));
        line.addAll(List.of("-kernel", images.kernel().toString(), "-initrd", images.initrd()));
        line.addAll(List.of("-append", (images.append() + " " + options.append()).strip()));
        line.addAll(List.of("-serial", "file:" + escaped(guest.consoleLog())));
        line.addAll(List.of("-qmp", "unix:" + escaped(guest.qmpSocket()) + ",server=on,wait=off"));
        line.addAll(List.of("-device", "virtio-serial-pci,max_ports=" + (GuestDirectory.EXEC_PORTS + 1)));
        for (int port = 0; port < GuestDirectory.EXEC_PORTS; port++) {
            String id = "exec" + port;
            String socket = escaped(guest.execSocket(port));
            line.addAll(List.of("-chardev", "socket,id=" + id + ",path=" + socket + ",server=on,wait=off"));
            String name = "plumbline.exec." + port + ".of." + GuestDirectory.EXEC_PORTS;
            line.addAll(List.of("-device", "virtserialport,chardev=" + id + ",name=" + name));
        }
        line.addAll(List.of("-daemonize", "-pidfile", guest.pidFile().toString()));
        line.addAll(options.extraQemuArguments());
        return line;
    }

    /// QEMU's options are separated by commas; a comma in a value is doubled.
    static String escaped(Path path) {
        return path.toString().replace(",", ",,");
    }
}
