package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// A Linux guest under QEMU, and commands run in it. Several threads may run commands at once; four run at the
/// same time, more wait.
///
/// A guest from [#boot] is ended by [#close], at the latest when this JVM ends, by whatever means. One from
/// [Testbed#up] or [#attach] stays, and closing it does nothing.
public final class TestGuest implements GuestShell, AutoCloseable {
    private static final Duration FIRST_ATTEMPT = Duration.ofSeconds(1);
    private static final Duration REBOOT_LIMIT = Duration.ofMinutes(2);

    /// How often a boot is tried.
    private static final int BOOTS = 3;

    private final GuestDirectory directory;
    private final ExecLimits limits;
    private final Optional<ParentWatch> watch;

    /// A guest that is not ours to end.
    TestGuest(GuestDirectory directory) {
        this(directory, ExecLimits.DEFAULT, Optional.empty());
    }

    /// A guest that closing ends, and that the watch ends if nobody closes it.
    TestGuest(GuestDirectory directory, ParentWatch watch) {
        this(directory, ExecLimits.DEFAULT, Optional.of(watch));
    }

    private TestGuest(GuestDirectory directory, ExecLimits limits, Optional<ParentWatch> watch) {
        this.directory = directory;
        this.limits = limits;
        this.watch = watch;
    }

    /// Boots a guest that lives no longer than this JVM.
    ///
    /// @param name as in [Testbed#up]; it must be free on this host, so tests put their process id into it
    /// @throws GuestException as in [Testbed#up]
    public static TestGuest boot(String name, GuestOptions options) throws GuestException {
        return Testbed.ofUser().boot(name, options);
    }

    /// A guest that somebody else booted.
    ///
    /// @throws GuestException if there is no guest of that name
    public static TestGuest attach(String name) throws GuestException {
        return Testbed.ofUser().guest(name);
    }

    /// The same guest with other limits for the commands run through the result.
    public TestGuest withLimits(ExecLimits other) {
        return new TestGuest(directory, other, watch);
    }

    @Override
    public String name() {
        return directory.name();
    }

    /// Where QEMU listens for QMP; one client at a time.
    public Path qmpSocket() {
        return directory.qmpSocket();
    }

    /// What the guest wrote to its serial console: kernel warnings and worse.
    public Path consoleLog() {
        return directory.consoleLog();
    }

    /// QEMU's process id.
    ///
    /// @throws GuestGoneException if QEMU has ended
    public long pid() throws GuestException {
        return qemu().handle().pid();
    }

    private QemuProcess qemu() throws GuestException {
        return QemuProcess.of(directory).orElseThrow(this::gone);
    }

    private GuestGoneException gone() {
        String last = directory.lastConsoleLine();
        return new GuestGoneException("guest " + name() + " is gone: its QEMU has ended"
                + (last.isEmpty() ? "" : "; its console ended with \"" + last + "\""));
    }

    @Override
    public int exec(String command, byte[] stdin, OutputStream out, OutputStream err) throws GuestException {
        try (ExecPort port = ExecPort.acquire(directory, limits.total());
                Conversation conversation = new Conversation(name(), port, limits)) {
            return conversation.run(command, stdin, out, err);
        }
    }

    @Override
    public RunningCommand start(String command) throws GuestException {
        return start(command, result -> {});
    }

    /// Starts a shell command whose result [RunningCommand#await] has checked before it answers it.
    RunningCommand start(String command, RunningCommand.Check check) throws GuestException {
        ExecPort port = ExecPort.acquire(directory, limits.total());
        try {
            return new RunningCommand(port, new Conversation(name(), port, limits), command, check);
        } catch (GuestException e) {
            port.close();
            throw e;
        }
    }

    /// Reboots the guest and waits until commands can be run again.
    ///
    /// @throws GuestException if it does not come back within two minutes
    public void reboot() throws GuestException {
        String before = bootId();
        exec("reboot");
        long start = System.nanoTime();
        do {
            Pauses.millis(50);
            awaitBoot(REBOOT_LIMIT);
            String now = bootId();
            if (!now.isEmpty() && !now.equals(before)) {
                return;
            }
        } while (System.nanoTime() - start < REBOOT_LIMIT.toNanos());
        throw new GuestException("guest " + name() + " goes on without the reboot it was asked for");
    }

    /// Tells one boot from the next; empty while the guest is between them.
    private String bootId() throws GuestException {
        try {
            return withLimits(limits.withSilence(Duration.ofSeconds(10)))
                    .execChecked("cat /proc/sys/kernel/random/boot_id");
        } catch (GuestException e) {
            qemu();
            return "";
        }
    }

    /// Waits until commands can be run in a guest that is booting. A boot that QEMU has spoilt is begun anew.
    ///
    /// @throws GuestException as in [#awaitAgent]
    void awaitBoot(Duration limit) throws GuestException {
        for (int left = BOOTS; ; left--) {
            try {
                awaitAgent(limit);
                return;
            } catch (GuestException e) {
                if (left == 1 || !directory.ranStaleCode()) {
                    throw e;
                }
                qemu().startAgain();
            }
        }
    }

    /// Waits until commands can be run in the guest, while it boots or reboots.
    ///
    /// @throws GuestGoneException if QEMU ends or the guest's kernel panics
    /// @throws GuestException if the limit passes
    public void awaitAgent(Duration limit) throws GuestException {
        long start = System.nanoTime();
        Duration attempt = FIRST_ATTEMPT;
        while (true) {
            try {
                withLimits(new ExecLimits(attempt, attempt)).exec("true");
                return;
            } catch (GuestException e) {
                qemu();
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                if (directory.panicked() || System.nanoTime() - start > limit.toNanos()) {
                    throw new GuestException(
                            "guest %s does not answer after %d s; its console ended with \"%s\""
                                    .formatted(
                                            name(),
                                            Duration.ofNanos(System.nanoTime() - start)
                                                    .toSeconds(),
                                            directory.lastConsoleLine()),
                            e);
                }
            }
            attempt = attempt.multipliedBy(2);
        }
    }

    /// Ends the guest if it came from [#boot]; does nothing the second time.
    @Override
    public void close() throws GuestException {
        if (release()) {
            Testbed.remove(directory);
        }
    }

    /// Lets the guest outlive this JVM. Answers whether it was ours until now.
    boolean release() throws GuestException {
        boolean ours = watch.isPresent() && watch.get().kept();
        if (ours) {
            watch.get().close();
        }
        return ours;
    }
}
