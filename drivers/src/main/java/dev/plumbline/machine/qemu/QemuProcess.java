package dev.plumbline.machine.qemu;

import dev.plumbline.machine.proc.UnixSockets;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/// A QEMU system emulator among the processes of this host.
///
/// @param pid its process id
/// @param program the last part of the path it was started as, e.g. `qemu-system-x86_64`
/// @param options what its command line says
record QemuProcess(long pid, String program, QemuOptions options) {
    private static final Set<String> X86_64_PROGRAMS = Set.of("qemu-system-x86_64", "qemu-kvm", "kvm");
    private static final Path PROC = Path.of("/proc");

    /// Those running now, in the order of their ids.
    static List<QemuProcess> all() {
        List<QemuProcess> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[1-9]*")) {
            for (Path directory : processes) {
                of(Long.parseLong(directory.getFileName().toString())).ifPresent(found::add);
            }
        } catch (IOException | DirectoryIteratorException _) {
            // Without /proc no process can be seen: the caller finds none.
        }
        found.sort(Comparator.comparingLong(QemuProcess::pid));
        return found;
    }

    /// The process with this id, if it is a QEMU.
    static Optional<QemuProcess> of(long pid) {
        try {
            byte[] bytes = Files.readAllBytes(directory(pid).resolve("cmdline"));
            List<String> arguments =
                    List.of(new String(bytes, Charset.forName(System.getProperty("sun.jnu.encoding"))).split("\0", -1));
            String program = arguments.getFirst().substring(arguments.getFirst().lastIndexOf('/') + 1);
            return isQemu(program)
                    ? Optional.of(new QemuProcess(pid, program, QemuOptions.parse(arguments)))
                    : Optional.empty();
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    /// The guest's name, or the process id where it was given none.
    String name() {
        return options.name().filter(given -> !given.isEmpty()).orElse(Long.toString(pid));
    }

    boolean isX86() {
        return X86_64_PROGRAMS.contains(program);
    }

    /// Whether this process holds one of these sockets.
    ///
    /// @throws java.nio.file.AccessDeniedException if its descriptors may not be seen
    static boolean holds(long pid, Set<Long> inodes) throws IOException {
        try (DirectoryStream<Path> descriptors =
                Files.newDirectoryStream(directory(pid).resolve("fd"))) {
            for (Path descriptor : descriptors) {
                OptionalLong inode = UnixSockets.inodeOf(descriptor);
                if (inode.isPresent() && inodes.contains(inode.getAsLong())) {
                    return true;
                }
            }
        }
        return false;
    }

    /// The directory of a process under /proc.
    static Path directory(long pid) {
        return PROC.resolve(Long.toString(pid));
    }

    private static boolean isQemu(String program) {
        return program.startsWith("qemu-system-") || X86_64_PROGRAMS.contains(program);
    }
}
