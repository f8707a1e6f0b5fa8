package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;

/// A small process that waits beside this one and takes the probes out of the guest should this one be killed: it reads
/// a pipe that only this process holds, and runs `plumbline detach` when the pipe ends without a word.
final class Guard implements AutoCloseable {
    /// Tries again for a while: the monitor may still belong to the one that was killed, or a task be in the recorder.
    private static final String SCRIPT = """
            trap '' INT TERM HUP
            read -r word
            [ "$word" = done ] && exit
            for _ in 1 2 3 4 5 6 7 8 9 10; do
                PLUMBLINE_AS_BUILT=1 "$0" detach --after-kill "$1" && exit
                sleep 1
            done
            """;

    private final Process process;

    private Guard(Process process) {
        this.process = process;
    }

    /// Starts it; before the first change of the guest.
    ///
    /// @param vm how the guest is named
    /// @throws GuestException if it cannot be started
    static Guard start(String vm) throws GuestException {
        String launcher = Launcher.path();
        try {
            return new Guard(new ProcessBuilder("setsid", "sh", "-c", SCRIPT, launcher, vm)
                    .redirectOutput(Redirect.DISCARD)
                    .redirectError(Redirect.DISCARD)
                    .start());
        } catch (IOException e) {
            throw new GuestException("cannot start the process that guards the guest: " + e.getMessage(), e);
        }
    }

    /// Sends it home; the guest is as it was.
    @Override
    public void close() throws GuestException {
        try (OutputStream pipe = process.getOutputStream()) {
            pipe.write("done\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            throw new GuestException("the process that guards the guest has ended: " + e.getMessage(), e);
        }
    }
}
