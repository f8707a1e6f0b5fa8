package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;

/// Where shell commands can be run: a guest, dom0 of Xen, or a domain. Several threads may use it at once.
public interface GuestShell {
    /// What messages call it.
    String name();

    /// Runs a shell command and passes its outputs on as they come.
    ///
    /// @param stdin what the command reads as its standard input
    /// @return its exit status, or 128 plus the number of the signal that ended it
    /// @throws dev.plumbline.machine.GuestGoneException if the guest has ended, ends or reboots meanwhile
    /// @throws GuestException if one of the limits passes, or if an output refuses to be written
    int exec(String command, byte[] stdin, OutputStream out, OutputStream err) throws GuestException;

    /// Starts a shell command and does not wait for it.
    ///
    /// @throws GuestException if the guest is gone or all ports stay in use
    RunningCommand start(String command) throws GuestException;

    /// Runs a shell command to its end, with empty standard input. What it leaves in the background goes on; its
    /// outputs are closed.
    ///
    /// @throws GuestException as in [#exec(String, byte[], OutputStream, OutputStream)]
    default ExecResult exec(String command) throws GuestException {
        return exec(command, new byte[0]);
    }

    /// Runs a shell command that reads `stdin` as its standard input.
    ///
    /// @throws GuestException as in [#exec(String, byte[], OutputStream, OutputStream)]
    default ExecResult exec(String command, byte[] stdin) throws GuestException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = exec(command, stdin, out, err);
        return new ExecResult(status, out.toByteArray(), err.toByteArray());
    }

    /// Runs a shell command that must succeed, and answers its standard output as text.
    ///
    /// @throws GuestException if it ends with another status than 0, or as in
    /// [#exec(String, byte[], OutputStream, OutputStream)]
    default String execChecked(String command) throws GuestException {
        ExecResult result = exec(command);
        if (result.status() != 0) {
            throw new GuestException("\"%s\" failed in guest %s with status %d: %s"
                    .formatted(
                            command,
                            name(),
                            result.status(),
                            result.stderrText().lines().findFirst().orElse("no message")));
        }
        return result.stdoutText();
    }
}
