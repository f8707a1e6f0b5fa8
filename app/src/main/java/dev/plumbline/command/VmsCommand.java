package dev.plumbline.command;

import dev.plumbline.machine.qemu.QemuVm;
import dev.plumbline.machine.qemu.QemuVms;
import dev.plumbline.report.Json;
import dev.plumbline.report.Table;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `plumbline vms`: the guests of this host, and what is missing where one cannot be attached.
@Command(name = "vms", description = "Shows the guests that can be attached, and what is missing where one cannot")
final class VmsCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(names = "--json", description = "Print a JSON array")
    private boolean json;

    @Override
    public void run() {
        List<QemuVm> vms = QemuVms.running();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Json.print(out, vms.stream().map(VmsCommand::fields).toList());
        } else if (vms.isEmpty()) {
            spec.commandLine().getErr().println("no guest runs on this host, or none that you may see");
        } else {
            Table table = new Table("GUEST", "PID", "STATE");
            vms.forEach(vm -> table.row("qemu:" + vm.name(), Long.toString(vm.pid()), state(vm)));
            table.print(out);
        }
        out.flush();
    }

    private static String state(QemuVm vm) {
        return switch (vm) {
            case QemuVm.Attachable attachable -> "can be attached through " + attachable.qmpSocket();
            case QemuVm.Unattachable unattachable -> unattachable.missing();
        };
    }

    private static Map<String, Object> fields(QemuVm vm) {
        return switch (vm) {
            case QemuVm.Attachable it ->
                Json.object(
                        "name",
                        "qemu:" + it.name(),
                        "pid",
                        it.pid(),
                        "qmpSocket",
                        it.qmpSocket().toString());
            case QemuVm.Unattachable it ->
                Json.object("name", "qemu:" + it.name(), "pid", it.pid(), "missing", it.missing());
        };
    }
}
