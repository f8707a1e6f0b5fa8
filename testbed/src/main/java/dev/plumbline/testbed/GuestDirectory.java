package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// What one guest has on the host: its sockets, its process id, its console log and how it was built.
///
/// @param path the directory, named after the guest
record GuestDirectory(Path path) {
    /// How many commands can run in a guest at once.
    static final int EXEC_PORTS = 4;

    /// The kernel's bound of a socket's path (sun_path) without its NUL.
    private static final int SOCKET_PATH_LIMIT = 107;

    private static final int CONSOLE_TAIL_BYTES = 64 * 1024;

    /// How a kernel says what it met and where it was.
    private static final Pattern FAULT =
            Pattern.compile("BUG: |kernel BUG at|Oops: |general protection fault|RIP: 0010:");

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}");

    /// The directory of a guest of that name, which need not exist.
    ///
    /// @throws GuestException if no guest can have that name
    static GuestDirectory of(Path testbed, String name) throws GuestException {
        if (!NAME.matcher(name).matches()) {
            throw new GuestException("\"" + printable(name)
                    + "\" cannot name a guest: use 1 to 32 letters, digits, - _ or ., and start with none of - and .");
        }
        GuestDirectory directory = new GuestDirectory(testbed.resolve(name));
        if (directory.execSocket(EXEC_PORTS).toString().getBytes().length > SOCKET_PATH_LIMIT) {
            throw new GuestException("the path " + directory.path
                    + " is too long for sockets; take a shorter name or set XDG_RUNTIME_DIR to a shorter directory");
        }
        return directory;
    }

    private static String printable(String name) {
        String plain = name.replaceAll("\\p{Cntrl}", "?");
        return plain.length() > 64 ? plain.substring(0, 64) + "..." : plain;
    }

    String name() {
        return path.getFileName().toString();
    }

    Path qmpSocket() {
        return path.resolve("qmp.sock");
    }

    Path execSocket(int port) {
        return path.resolve("exec" + port + ".sock");
    }

    Path execLock(int port) {
        return path.resolve("exec" + port + ".lock");
    }

    Path pidFile() {
        return path.resolve("pid");
    }

    Path consoleLog() {
        return path.resolve("console.log");
    }

    private Path optionsFile() {
        return path.resolve("options");
    }

    void writeOptions(GuestOptions options) throws IOException {
        Files.writeString(
                optionsFile(),
                "kernel=%s%ncpus=%d%nmemoryMib=%d%nkvm=%b%n"
                        .formatted(options.kernel(), options.cpus(), options.memoryMib(), options.kvm()));
    }

    /// The options as far as `list` shows them; defaults where the guest is just being made.
    GuestOptions readOptions() throws IOException {
        Properties saved = new Properties();
        try {
            saved.load(new StringReader(Files.readString(optionsFile())));
            return GuestOptions.DEFAULT
                    .withKernel(GuestKernel.ofSeries(saved.getProperty("kernel", ""))
                            .orElse(GuestKernel.V6_1))
                    .withCpus(Integer.parseInt(saved.getProperty("cpus", "1")))
                    .withMemoryMib(Integer.parseInt(saved.getProperty("memoryMib", "512")))
                    .withKvm(Boolean.parseBoolean(saved.getProperty("kvm")));
        } catch (NoSuchFileException e) {
            return GuestOptions.DEFAULT;
        } catch (IllegalArgumentException e) {
            throw new GuestException(
                    optionsFile() + " is damaged; plumbline testbed down " + name() + " removes it", e);
        }
    }

    /// The last words of the console, or, where the kernel has given up, those that say why. In one line; empty if it
    /// has none.
    String lastConsoleLine() {
        List<String> lines = consoleTail()
                .lines()
                .map(line -> line.replaceAll("\\p{Cntrl}", "").strip())
                .filter(line -> !line.isEmpty())
                .toList();
        String fault = lines.stream().filter(FAULT.asPredicate()).limit(2).collect(Collectors.joining(" "));
        return panicked() && !fault.isEmpty() ? fault : lines.isEmpty() ? "" : lines.getLast();
    }

    /// Whether the guest's kernel has given up.
    boolean panicked() {
        return consoleTail().contains("Kernel panic - not syncing");
    }

    /// Whether the guest's kernel has given up because QEMU ran code that the kernel had just changed back. QEMU 7.2
    /// with a thread for each vCPU does so now and then: a vCPU that translates the code meanwhile keeps the
    /// breakpoint that the kernel puts there for the time of the change.
    boolean ranStaleCode() {
        return panicked() && consoleTail().contains("Oops: int3: ");
    }

    private String consoleTail() {
        try (FileChannel log = FileChannel.open(consoleLog())) {
            ByteBuffer tail = ByteBuffer.allocate(CONSOLE_TAIL_BYTES);
            log.read(tail, Math.max(0, log.size() - CONSOLE_TAIL_BYTES));
            return StandardCharsets.ISO_8859_1.decode(tail.flip()).toString();
        } catch (IOException e) {
            return "";
        }
    }
}
