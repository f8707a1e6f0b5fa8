package dev.plumbline.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `plumbline testbed`: Linux guests under QEMU to try things on.
@Command(
        name = "testbed",
        description = "Linux guests under QEMU to try things on",
        subcommands = {
            TestbedUpCommand.class,
            TestbedExecCommand.class,
            TestbedDownCommand.class,
            TestbedListCommand.class
        })
final class TestbedCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "testbed needs one of: up, exec, down, list");
    }
}
