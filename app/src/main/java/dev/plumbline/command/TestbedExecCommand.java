package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.TestGuest;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `plumbline testbed exec`: runs a shell command in a guest, passes its outputs on byte for byte, and ends
/// with its exit status.
@Command(name = "exec", description = "Runs a shell command in a guest; write -- in front of it")
final class TestbedExecCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "The guest")
    private String name;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "CMD", description = "The command, joined by blanks")
    private List<String> command;

    @Option(
            names = {"-i", "--stdin"},
            description = "Read standard input to its end, then pass it on")
    private boolean stdin;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "Longest time it may take; default none, a guest that falls silent ends it anyway")
    private int timeoutSeconds;

    @Override
    public Integer call() throws GuestException, IOException {
        Duration total = timeoutSeconds > 0 ? Duration.ofSeconds(timeoutSeconds) : Duration.ofDays(365);
        TestGuest guest = TestGuest.attach(name).withLimits(ExecLimits.DEFAULT.withTotal(total));
        byte[] input = stdin ? System.in.readAllBytes() : new byte[0];
        return guest.exec(
                String.join(" ", command),
                input,
                new FileOutputStream(FileDescriptor.out),
                new FileOutputStream(FileDescriptor.err));
    }
}
