package dev.plumbline.command;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.Pausing;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.inline.InlineEngine;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline detach`: takes out of a guest whatever an earlier run left in it.
@Command(
        name = "detach",
        description = "Removes whatever an earlier run left in a guest",
        mixinStandardHelpOptions = true)
final class DetachCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET or a bare NAME")
    private String vm;

    @Option(names = "--after-kill", hidden = true, description = "The run that held the guest was killed this moment")
    private boolean afterKill;

    @Override
    public Integer call() throws GuestException {
        try (Machine machine = GuestNames.attach(vm)) {
            // First: a guest that comes to a breakpoint which nobody waits for stands still.
            boolean hadBreakpoints = removeBreakpoints(machine);
            LinuxKernel kernel = LinuxKernel.open(machine);
            ProbeJournal journal = ProbeJournals.of(kernel);
            if (afterKill || hadBreakpoints || journal.read().isPresent()) {
                endLeftPause(machine);
            }
            if (InlineEngine.undo(kernel, journal)) {
                say("the probes are out");
            } else if (!hadBreakpoints) {
                say("nothing of ours is in the guest");
            }
        }
        return 0;
    }

    private boolean removeBreakpoints(Machine machine) throws GuestException {
        Optional<Breakpoints> breakpoints = machine.capability(Breakpoints.class);
        if (breakpoints.isEmpty() || !breakpoints.get().removeLeft()) {
            return false;
        }
        say("the breakpoints are out");
        return true;
    }

    private void say(String line) {
        spec.commandLine().getErr().println(line);
    }

    // A run pauses the guest for milliseconds at a time; one that is killed just then leaves it paused.
    private static void endLeftPause(Machine machine) throws GuestException {
        Optional<Pausing> pausing = machine.capability(Pausing.class);
        if (pausing.isPresent() && !pausing.get().running()) {
            pausing.get().resume();
        }
    }
}
