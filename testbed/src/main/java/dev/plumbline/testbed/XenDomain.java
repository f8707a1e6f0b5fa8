package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/// A PVH domain of Xen with the kernel and the user space of a test guest. Commands get in from dom0, over a network
/// interface (`domain-exec.c`).
///
/// It ends with [#close], and with its host.
public final class XenDomain implements GuestShell, AutoCloseable {
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(5);

    /// How `domain-exec` ends when there is no status of the command.
    private static final int GONE = 254;

    private static final int FAILED = 255;
    private static final String FAILURE = "domain-exec: ";

    private final TestGuest dom0;
    private final String name;
    private final ExecLimits limits;

    XenDomain(TestGuest dom0, String name) {
        this(dom0, name, ExecLimits.DEFAULT);
    }

    private XenDomain(TestGuest dom0, String name, ExecLimits limits) {
        this.dom0 = dom0.withLimits(new ExecLimits(ExecLimits.DEFAULT.silence(), limits.total()));
        this.name = name;
        this.limits = limits;
    }

    /// The same domain with other limits for the commands run through the result. Silence counts in whole seconds.
    public XenDomain withLimits(ExecLimits other) {
        return new XenDomain(dom0, name, other);
    }

    /// The domain's name in xl.
    @Override
    public String name() {
        return name;
    }

    /// The domain's number, which is another one after a reboot.
    ///
    /// @throws GuestException if there is no such domain any more
    public int id() throws GuestException {
        return Integer.parseInt(dom0.execChecked("xl domid " + name).strip());
    }

    /// Reboots the domain and waits until commands can be run again.
    ///
    /// @throws GuestException if it does not come back within a quarter of an hour
    public void reboot() throws GuestException {
        int before = id();
        try {
            exec("reboot");
        } catch (GuestException e) {
            // It went before it could say so; if it did not go, the wait for another one fails.
        }
        String awaited = "until id=$(xl domid %s 2> /dev/null) && [ $id != %d ]; do usleep 50000; done";
        dom0.withLimits(ExecLimits.DEFAULT.withTotal(BOOT_LIMIT)).execChecked(awaited.formatted(name, before));
        awaitAgent();
    }

    @Override
    public int exec(String command, byte[] stdin, OutputStream out, OutputStream err) throws GuestException {
        LastLine last = new LastLine(err);
        int status = dom0.exec(wrapped(command), stdin, out, last);
        check(status, last.text());
        return status;
    }

    @Override
    public RunningCommand start(String command) throws GuestException {
        return dom0.start(
                wrapped(command),
                result -> check(
                        result.status(),
                        result.stderrText().lines().reduce((a, b) -> b).orElse("")));
    }

    private String wrapped(String command) {
        return "exec domain-exec -s %d %s '%s'"
                .formatted(Math.max(1, limits.silence().toSeconds()), name, command.replace("'", "'\\''"));
    }

    private void check(int status, String lastError) throws GuestException {
        if (lastError.startsWith(FAILURE) && status == GONE) {
            throw new GuestGoneException(lastError.substring(FAILURE.length()) + panic());
        }
        if (lastError.startsWith(FAILURE) && status == FAILED) {
            throw new GuestException(lastError.substring(FAILURE.length()));
        }
    }

    /// Waits until commands can be run.
    void awaitAgent() throws GuestException {
        long start = System.nanoTime();
        while (true) {
            ExecResult result = dom0.exec("exec domain-exec -w %d %s true".formatted(BOOT_LIMIT.toSeconds(), name));
            try {
                check(result.status(), result.stderrText().strip());
                return;
            } catch (GuestException e) {
                // As long as its network interface changes, connections end early.
                boolean isThere = dom0.exec("xl domid " + name).status() == 0;
                if (!isThere || System.nanoTime() - start > BOOT_LIMIT.toNanos()) {
                    throw e;
                }
                Pauses.millis(50);
            }
        }
    }

    /// What the domain's kernel wrote to its console.
    ///
    /// @throws GuestException if dom0 is gone
    public String console() throws GuestException {
        return dom0.exec("cat /var/log/xen/guest-" + name + ".log").stdoutText();
    }

    String lastConsoleLine() throws GuestException {
        return lastConsoleLine("");
    }

    private String lastConsoleLine(String part) throws GuestException {
        return console()
                .lines()
                .filter(line -> !line.isBlank() && line.contains(part))
                .reduce((a, b) -> b)
                .orElse("")
                .strip();
    }

    private String panic() throws GuestException {
        String line = lastConsoleLine("Kernel panic");
        return line.isEmpty() ? "" : "; its console has \"" + line + "\"";
    }

    /// Destroys the domain; passes if it is gone already, or its host is.
    ///
    /// @throws GuestException if it survives
    @Override
    public void close() throws GuestException {
        try {
            ExecResult destroyed = dom0.exec("xl destroy " + name);
            if (destroyed.status() != 0 && dom0.exec("xl domid " + name).status() == 0) {
                throw new GuestException("cannot destroy domain %s: %s"
                        .formatted(name, destroyed.stderrText().strip()));
            }
        } catch (GuestGoneException e) {
            // With the host everything on it has ended.
        }
    }

    /// Passes on what is written and keeps the end of it.
    private static final class LastLine extends OutputStream {
        private static final int KEPT = 4096;

        private final OutputStream destination;
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();
        private boolean ended;

        LastLine(OutputStream destination) {
            this.destination = destination;
        }

        @Override
        public void write(int oneByte) throws IOException {
            write(new byte[] {(byte) oneByte}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            destination.write(bytes, offset, length);
            for (int at = offset; at < offset + length; at++) {
                if (ended) {
                    line.reset();
                }
                ended = bytes[at] == '\n';
                if (!ended && line.size() < KEPT) {
                    line.write(bytes[at]);
                }
            }
        }

        @Override
        public void flush() throws IOException {
            destination.flush();
        }

        String text() {
            return line.toString(StandardCharsets.UTF_8);
        }
    }
}
