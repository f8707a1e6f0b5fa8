package dev.plumbline.command;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.report.InspectReport;
import dev.plumbline.report.Inspection;
import dev.plumbline.report.Json;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline inspect`: which kernel runs in a guest, and what is known of it.
@Command(
        name = "inspect",
        description = "Shows which kernel runs in a guest: build, KASLR slide, symbols, modules, probe sites")
final class InspectCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET, dump:FILE or a bare NAME")
    private String vm;

    @Option(names = "--json", description = "Print a JSON object")
    private boolean json;

    @Override
    public Integer call() throws GuestException {
        PrintWriter out = spec.commandLine().getOut();
        try (Machine machine = GuestNames.attach(vm)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            InspectReport report = new InspectReport(Inspection.of(kernel), probes(kernel));
            if (json) {
                Json.print(out, report.json());
            } else {
                report.print(out);
            }
        }
        out.flush();
        return 0;
    }

    // The journal also has places that are left to the guest's own tracer.
    private static Optional<Changes> probes(LinuxKernel kernel) throws GuestException {
        Optional<Changes> changes = ProbeJournals.of(kernel).read();
        return changes.isPresent()
                ? Optional.of(changes.get().withSites(InlineEngine.armed(kernel, changes.get())))
                : changes;
    }
}
