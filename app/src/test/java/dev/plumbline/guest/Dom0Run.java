package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.XenHost;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A command of Plumbline that runs in dom0 of a Xen host, as it is brought there by `scripts/dom0`.
///
/// @param host the host
/// @param running the command
/// @param number what its files in dom0 are named after
record Dom0Run(XenHost host, RunningCommand running, int number) implements AutoCloseable {
    private static int count;

    /// What is brought to dom0.
    static Path distribution() {
        Path made = Path.of("").toAbsolutePath().getParent().resolve("target/plumbline-dom0");
        assertThat(Files.isExecutable(made.resolve("plumbline")))
                .as("%s is not there: scripts/dom0 makes it", made)
                .isTrue();
        return made;
    }

    /// Runs one to its end.
    static ExecResult of(XenHost host, String arguments) throws GuestException {
        return host.dom0().exec("exec /opt/plumbline " + arguments);
    }

    /// Starts one.
    static synchronized Dom0Run start(XenHost host, String arguments) throws GuestException {
        int number = count++;
        return new Dom0Run(
                host,
                host.dom0()
                        .start("echo $$ > /tmp/pid%d; exec /opt/plumbline %s > /tmp/out%d 2> /tmp/err%d"
                                .formatted(number, arguments, number, number)),
                number);
    }

    /// Starts one, and waits until it traces.
    static Dom0Run tracing(XenHost host, String arguments) throws Exception {
        Dom0Run run = start(host, arguments);
        while (host.dom0().exec("grep -q tracing /tmp/err" + run.number).status() != 0) {
            assertThat(run.running.running())
                    .as("%s: %s", arguments, run.errors())
                    .isTrue();
            Thread.sleep(100);
        }
        return run;
    }

    String errors() throws GuestException {
        return host.dom0().exec("cat /tmp/err" + number).stdoutText();
    }

    void kill() throws GuestException {
        host.dom0().exec("kill -9 $(cat /tmp/pid%d)".formatted(number));
        running.await();
    }

    /// Has it end, and answers what it has printed.
    List<String> end() throws GuestException {
        host.dom0().execChecked("kill $(cat /tmp/pid%d)".formatted(number));
        running.await();
        assertThat(errors()).contains("every probe is out");
        return host.dom0().execChecked("cat /tmp/out" + number).lines().toList();
    }

    @Override
    public void close() throws GuestException {
        kill();
    }
}
