package dev.plumbline.command;

import dev.plumbline.report.Json;
import dev.plumbline.report.Table;
import dev.plumbline.testbed.GuestStatus;
import dev.plumbline.testbed.Testbed;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `plumbline testbed list`: the guests there are, running or dead.
@Command(name = "list", description = "Shows the guests there are, running or dead")
final class TestbedListCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--json", description = "Print a JSON array")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        List<GuestStatus> guests = Testbed.ofUser().list();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Json.print(out, guests.stream().map(TestbedListCommand::fields).toList());
        } else {
            Table table = new Table("NAME", "KERNEL", "CPUS", "MIB", "STATE", "PID", "QMP");
            guests.forEach(guest -> table.row(row(guest)));
            table.print(out);
        }
        out.flush();
        return 0;
    }

    private static String[] row(GuestStatus guest) {
        return new String[] {
            guest.name(),
            guest.options().kernel().toString(),
            Integer.toString(guest.options().cpus()),
            Integer.toString(guest.options().memoryMib()),
            guest.running() ? "running" : "dead",
            guest.running() ? Long.toString(guest.pid().getAsLong()) : "-",
            guest.qmpSocket().toString()
        };
    }

    private static Map<String, Object> fields(GuestStatus guest) {
        return Json.object(
                "name", guest.name(),
                "kernel", guest.options().kernel().series(),
                "cpus", guest.options().cpus(),
                "memoryMib", guest.options().memoryMib(),
                "kvm", guest.options().kvm(),
                "running", guest.running(),
                "pid", guest.running() ? guest.pid().getAsLong() : null,
                "qmpSocket", guest.qmpSocket().toString());
    }
}
