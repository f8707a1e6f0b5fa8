package dev.plumbline.machine.qemu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// A QEMU process of a test's own, with [BareFirmware] and no operating system. Closing it kills it and removes
/// its files.
public final class BareGuest implements AutoCloseable {
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final Path directory;
    private final Process process;

    private BareGuest(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
    }

    /// Starts one and waits until its QMP socket `q` is there.
    public static BareGuest start(String... options) throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("plumbline-test-");
        Files.write(directory.resolve("rom"), BareFirmware.rom());
        Files.write(directory.resolve("tables"), BareFirmware.tables());
        Files.write(directory.resolve("loop"), BareFirmware.loop());
        List<String> command = new ArrayList<>(
                List.of("qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-nodefaults", "-bios", "rom"));
        command.addAll(List.of("-device", "loader,file=tables,force-raw=on,addr=" + BareFirmware.TABLES));
        command.addAll(List.of("-device", "loader,file=loop,force-raw=on,addr=" + BareFirmware.LOOP));
        command.addAll(List.of(options));
        if (Stream.of(options).noneMatch(option -> option.startsWith("-qmp") || option.startsWith("-mon"))) {
            command.addAll(List.of("-qmp", "unix:q,server=on,wait=off"));
        }
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
        BareGuest guest = new BareGuest(directory, process);
        guest.awaitSocket();
        return guest;
    }

    /// Where QEMU listens for QMP.
    public Path socket() {
        return directory.resolve("q");
    }

    Path file(String name) {
        return directory.resolve(name);
    }

    long pid() {
        return process.pid();
    }

    /// Sends SIGKILL and waits for the end.
    void kill() {
        process.destroyForcibly().onExit().join();
    }

    /// Sends SIGKILL and does not wait.
    void startKilling() {
        process.destroyForcibly();
    }

    @Override
    public void close() throws IOException {
        kill();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private void awaitSocket() throws IOException, InterruptedException {
        long started = System.nanoTime();
        while (!Files.exists(socket())) {
            if (!process.isAlive() || System.nanoTime() - started > START_NANOS) {
                String log = Files.readString(directory.resolve("log"));
                close();
                throw new IOException("QEMU did not start: " + log);
            }
            TimeUnit.MILLISECONDS.sleep(2);
        }
    }
}
