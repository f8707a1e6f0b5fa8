package dev.plumbline.guest;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryDump;
import dev.plumbline.machine.dump.DumpMachine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/// A booted guest that is read from outside, with a second QMP monitor through which a test pauses, watches and dumps
/// it meanwhile.
///
/// @param guest the guest
/// @param directory holds the second monitor's socket; removed with the guest
/// @param says what the guest says of itself
record GuestUnderTest(TestGuest guest, Path directory, GuestSays says) implements AutoCloseable {
    private static final AtomicInteger BOOTED = new AtomicInteger();

    /// Something read from the kernel of a guest.
    interface Reading<T> {
        T of(LinuxKernel kernel) throws GuestException;
    }

    /// Makes the vCPUs of a translated guest take turns on one thread. For guests that change their own code
    /// while other vCPUs run it, as static keys and tracers do: translated on several threads (QEMU 7.2), a vCPU
    /// can run a breakpoint that has been taken back already, and the kernel dies of an int3 that it does not
    /// know. That was seen within seconds on guests, without any probe, that switched a tracepoint under load.
    static final String[] ONE_THREAD = {"-accel", "tcg,thread=single"};

    private static final List<String> HOST_WAS_BUSY =
            List.of("hrtimer: interrupt took", "clocksource: Long readout interval, skipping watchdog check");

    /// Boots a guest; a second time if its kernel panics before anything has looked at it, as was seen once in some
    /// two hundred boots, on an overloaded host.
    static GuestUnderTest boot(GuestOptions options) throws IOException {
        try {
            return bootOnce(options);
        } catch (GuestException e) {
            if (!e.getMessage().contains("RIP: ")) {
                throw e;
            }
            System.err.println("booting once more: " + e.getMessage());
            return bootOnce(options);
        }
    }

    private static GuestUnderTest bootOnce(GuestOptions options) throws IOException {
        Path directory = Files.createTempDirectory("plumbline-test-");
        Path socket = directory.resolve("qmp");
        String name = "it-%d-%d".formatted(ProcessHandle.current().pid(), BOOTED.incrementAndGet());
        try {
            List<String> arguments = new ArrayList<>(options.extraQemuArguments());
            arguments.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
            TestGuest guest = TestGuest.boot(name, options.withExtraQemuArguments(arguments.toArray(String[]::new)));
            return new GuestUnderTest(guest, directory, new GuestSays(guest));
        } catch (IOException e) {
            Files.deleteIfExists(socket);
            Files.delete(directory);
            throw e;
        }
    }

    /// Attaches, reads and lets go.
    <T> T read(Reading<T> reading) throws GuestException {
        try (Machine machine = QemuMachine.attach(guest.qmpSocket())) {
            return reading.of(LinuxKernel.open(machine));
        }
    }

    /// The same from a dump.
    static <T> T readDump(Path file, Reading<T> reading) throws GuestException {
        try (Machine machine = DumpMachine.open(file)) {
            return reading.of(LinuxKernel.open(machine));
        }
    }

    QmpClient monitor() throws GuestException {
        return QmpClient.connect(secondMonitor());
    }

    Path secondMonitor() {
        return directory.resolve("qmp");
    }

    /// What the kernel has written to the console, without the remarks it makes if the host gave it no time for some
    /// milliseconds, or for more than a second.
    String console() throws IOException {
        return Files.readAllLines(guest.consoleLog()).stream()
                .filter(line -> HOST_WAS_BUSY.stream().noneMatch(line::contains))
                .collect(Collectors.joining("\n"));
    }

    /// How the command line names the guest.
    String vm() {
        return "qemu:" + guest.name();
    }

    /// Writes a dump of all memory.
    void dump(Path file) throws GuestException {
        try (Machine machine = QemuMachine.attach(guest.qmpSocket())) {
            machine.capability(MemoryDump.class).orElseThrow().dump(file);
        }
    }

    /// Starts a command that prints `ready` when it has done its work, waits for that, and leaves it running.
    RunningCommand startUntilReady(String command) throws IOException, InterruptedException {
        RunningCommand running = guest.withLimits(ExecLimits.DEFAULT.withTotal(Duration.ofMinutes(5)))
                .start(command);
        while (!running.stdoutSoFar().contains("ready\n")) {
            if (!running.running()) {
                throw new IOException(command + " ended: " + running.await().stderrText());
            }
            Thread.sleep(10);
        }
        return running;
    }

    @Override
    public void close() throws IOException {
        guest.close();
        Files.deleteIfExists(secondMonitor());
        Files.deleteIfExists(directory);
    }
}
