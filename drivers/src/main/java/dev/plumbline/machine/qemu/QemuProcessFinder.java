package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.proc.UnixSockets;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// Finds the process behind a QMP connection.
///
/// The vCPUs' thread ids lead to a process; that it is the right one is seen from its holding the socket. Where
/// those ids say nothing, as they come from another process namespace, every process is asked for the socket;
/// where the table of sockets is another namespace's, the threads decide, if they are those of a QEMU.
final class QemuProcessFinder {

    private QemuProcessFinder() {}

    /// @param vcpus the answer to `query-cpus-fast`
    /// @throws GuestException if no process is found, or none may be seen
    static long pidOf(Path socket, QmpValue vcpus) throws GuestException {
        Set<Long> inodes = QmpSockets.at(socket, UnixSockets.now()).stream()
                .map(UnixSockets.Entry::inode)
                .collect(Collectors.toSet());
        OptionalLong byThreads = processOfThreads(vcpus);
        LongStream candidates = LongStream.concat(
                byThreads.stream(),
                // Whoever started QEMU may hold the socket too: those that are a QEMU come first.
                Stream.<Supplier<LongStream>>of(
                                () -> QemuProcess.all().stream().mapToLong(QemuProcess::pid),
                                () -> ProcessHandle.allProcesses().mapToLong(ProcessHandle::pid))
                        .flatMapToLong(Supplier::get));
        boolean denied = false;
        for (long pid : (Iterable<Long>) candidates::iterator) {
            try {
                if (QemuProcess.holds(pid, inodes)) {
                    return pid;
                }
            } catch (AccessDeniedException _) {
                denied = true;
            } catch (IOException _) {
                // It ended meanwhile.
            }
        }
        if (byThreads.isPresent() && QemuProcess.of(byThreads.getAsLong()).isPresent()) {
            return byThreads.getAsLong();
        }
        throw new GuestException(
                denied
                        ? "cannot see which process serves " + socket + ": run as root or as the user that QEMU runs as"
                        : "no process of this host serves " + socket + ": run where QEMU runs, outside containers");
    }

    private static OptionalLong processOfThreads(QmpValue vcpus) {
        List<QmpValue> all = vcpus.elements();
        long thread = all.isEmpty() ? 0 : all.getFirst().get("thread-id").number();
        if (thread <= 0) {
            return OptionalLong.empty();
        }
        try {
            List<String> status =
                    Files.readAllLines(QemuProcess.directory(thread).resolve("status"));
            return status.stream()
                    .filter(line -> line.startsWith("Tgid:"))
                    .mapToLong(line ->
                            Long.parseLong(line.substring("Tgid:".length()).strip()))
                    .findFirst();
        } catch (IOException | NumberFormatException _) {
            return OptionalLong.empty();
        }
    }
}
