package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.XenHost;
import java.util.List;

/// A command that runs in dom0 of a Xen host until it is ended, with Plumbline as `scripts/dom0` makes it in `/opt`.
///
/// @param host the host
/// @param running the command
/// @param number what its files in dom0 are named after
record Dom0Run(XenHost host, RunningCommand running, int number) implements AutoCloseable {
    static final String PLUMBLINE = "/opt/plumbline ";

    private static int count;

    /// Starts one, and waits until it says something.
    static Dom0Run until(String said, XenHost host, String command) throws Exception {
        Dom0Run run = start(host, command);
        while (host.dom0()
                        .exec("grep -q '%s' /tmp/err%d".formatted(said, run.number))
                        .status()
                != 0) {
            assertThat(run.running.running())
                    .as("%s: %s", command, run.errors())
                    .isTrue();
            Thread.sleep(100);
        }
        return run;
    }

    private static synchronized Dom0Run start(XenHost host, String command) throws GuestException {
        int number = count++;
        String outputs = " > /tmp/out%d 2> /tmp/err%d".formatted(number, number);
        host.dom0().execChecked("touch /tmp/err" + number);
        return new Dom0Run(
                host, host.dom0().start("echo $$ > /tmp/pid" + number + "; exec " + command + outputs), number);
    }

    String errors() throws GuestException {
        return host.dom0().exec("cat /tmp/err" + number).stdoutText();
    }

    /// What it has printed so far.
    List<String> output() throws GuestException {
        return host.dom0().execChecked("cat /tmp/out" + number).lines().toList();
    }

    /// Has it end as it should, and answers what it has printed.
    List<String> end() throws GuestException {
        host.dom0().execChecked("kill $(cat /tmp/pid%d)".formatted(number));
        ExecResult ended = running.await();
        assertThat(ended.status()).as(errors()).isIn(0, 143);
        return output();
    }

    /// Kills it, if it still runs.
    @Override
    public void close() throws GuestException {
        host.dom0().exec("kill -9 $(cat /tmp/pid%d)".formatted(number));
        running.await();
    }
}
