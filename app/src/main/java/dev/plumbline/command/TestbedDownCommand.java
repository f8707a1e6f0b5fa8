package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.Testbed;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `plumbline testbed down`: ends a guest and removes what it had on this host.
@Command(name = "down", description = "Ends a guest and removes what it had on this host")
final class TestbedDownCommand implements Callable<Integer> {
    @Parameters(paramLabel = "NAME", description = "The guest, running or dead")
    private String name;

    @Override
    public Integer call() throws GuestException {
        Testbed.ofUser().down(name);
        return 0;
    }
}
