package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.proc.UnixSockets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/// The QEMU guests of this host, found without connecting to any.
public final class QemuVms {

    /// How long QEMU may take to notice that its last client has left, on a host that is busy.
    private static final Duration SETTLING = Duration.ofSeconds(2);

    private static final long LOOK_NANOS = 15_000_000L;

    private QemuVms() {}

    /// All that run now and can be seen, in the order of their process ids.
    public static List<QemuVm> running() {
        UnixSockets sockets = UnixSockets.now();
        return QemuProcess.all().stream().map(process -> vm(process, sockets)).toList();
    }

    /// The one guest of that name.
    ///
    /// @param name as in QEMU's -name option, or a process id
    /// @throws GuestException if there is none or more than one of that name, or something is missing to attach it
    public static QemuVm.Attachable named(String name) throws GuestException {
        Deadline settled = Deadline.after(SETTLING);
        while (true) {
            switch (find(name)) {
                case QemuVm.Attachable vm -> {
                    return vm;
                }
                case QemuVm.Unattachable vm -> {
                    if (!vm.isInUse() || settled.passed()) {
                        throw new GuestException("cannot attach qemu:" + name + ": " + vm.missing());
                    }
                }
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private static QemuVm find(String name) throws GuestException {
        List<QemuVm> all = running();
        List<QemuVm> found = all.stream()
                .filter(vm -> vm.name().equals(name) || Long.toString(vm.pid()).equals(name))
                .toList();
        if (found.isEmpty()) {
            String others = all.stream().map(QemuVm::name).collect(Collectors.joining(", "));
            throw new GuestException(
                    "no QEMU guest is named " + name + "; running now: " + (others.isEmpty() ? "none" : others));
        }
        if (found.size() > 1) {
            String pids = found.stream().map(vm -> Long.toString(vm.pid())).collect(Collectors.joining(", "));
            throw new GuestException(
                    "more than one QEMU guest is named " + name + ": name one by its process id, of " + pids);
        }
        return found.getFirst();
    }

    private static QemuVm vm(QemuProcess process, UnixSockets sockets) {
        if (!process.isX86()) {
            return missing(process, "it is no x86-64 guest (" + process.program() + ")");
        }
        if (process.options().qmpSockets().isEmpty()) {
            return missing(process, "QEMU has no QMP socket: start it with -qmp unix:PATH,server=on,wait=off");
        }
        if (!Files.isReadable(QemuProcess.directory(process.pid()).resolve("mem"))) {
            return missing(process, "no permission to reach its memory: run as root or with CAP_SYS_PTRACE");
        }
        List<String> faults = new ArrayList<>();
        boolean isInUse = false;
        for (QemuOptions.QmpSocket option : process.options().qmpSockets()) {
            Optional<Path> path = path(option, process, sockets);
            if (path.isEmpty()) {
                faults.add("its QMP socket cannot be found from here: name it as qmp:PATH");
            } else if (!Files.isWritable(path.get())) {
                faults.add("no permission to use " + path.get() + ": run as root or as the user QEMU runs as");
            } else if (QmpSockets.inUse(path.get(), sockets)) {
                isInUse = true;
                faults.add(path.get() + " is in use by another client (libvirt, or another plumbline):"
                        + " give QEMU a second -qmp socket");
            } else {
                return new QemuVm.Attachable(process.name(), process.pid(), path.get());
            }
        }
        return new QemuVm.Unattachable(process.name(), process.pid(), faults.getFirst(), isInUse);
    }

    private static QemuVm.Unattachable missing(QemuProcess process, String what) {
        return new QemuVm.Unattachable(process.name(), process.pid(), what, false);
    }

    private static Optional<Path> path(QemuOptions.QmpSocket option, QemuProcess process, UnixSockets sockets) {
        Path directory = QemuProcess.directory(process.pid());
        try {
            String path = switch (option) {
                case QemuOptions.QmpSocket.AtPath at -> at.path();
                case QemuOptions.QmpSocket.Inherited inherited ->
                    pathOf(directory.resolve("fd").resolve(inherited.descriptor()), sockets);
            };
            // A daemonized QEMU has left the directory that a relative path was relative to.
            Path resolved = Files.readSymbolicLink(directory.resolve("cwd"))
                    .resolve(path)
                    .normalize();
            return Files.exists(resolved) ? Optional.of(resolved) : Optional.empty();
        } catch (IOException | InvalidPathException _) {
            return Optional.empty();
        }
    }

    private static String pathOf(Path descriptor, UnixSockets sockets) throws IOException {
        long inode = UnixSockets.inodeOf(descriptor).orElseThrow(() -> new IOException(descriptor + " is no socket"));
        return sockets.withInode(inode)
                .map(UnixSockets.Entry::path)
                .findFirst()
                .orElseThrow(() -> new IOException("socket " + inode + " has no path"));
    }
}
