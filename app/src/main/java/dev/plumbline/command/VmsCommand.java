package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.qemu.QemuVm;
import dev.plumbline.machine.qemu.QemuVms;
import dev.plumbline.machine.xen.XenVm;
import dev.plumbline.machine.xen.XenVms;
import dev.plumbline.report.Json;
import dev.plumbline.report.Table;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `plumbline vms`: the guests of this host, and what is missing where one cannot be attached.
@Command(name = "vms", description = "Shows the guests that can be attached, and what is missing where one cannot")
final class VmsCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--json", description = "Print a JSON array")
    private boolean json;

    @Override
    public Integer call() throws GuestException {
        List<QemuVm> vms = QemuVms.running();
        List<XenVm> domains = XenVms.isXen() ? XenVms.running() : List.of();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Stream<Map<String, Object>> all = Stream.concat(
                    vms.stream().map(VmsCommand::fields), domains.stream().map(VmsCommand::fields));
            Json.print(out, all.toList());
        } else if (vms.isEmpty() && domains.isEmpty()) {
            spec.commandLine().getErr().println("no guest runs on this host, or none that you may see");
        } else {
            Table table = new Table("GUEST", domains.isEmpty() ? "PID" : "PID OR DOMAIN", "STATE");
            vms.forEach(vm -> table.row("qemu:" + vm.name(), Long.toString(vm.pid()), state(vm)));
            domains.forEach(vm -> table.row("xen:" + vm.name(), Integer.toString(vm.id()), vm.state()));
            table.print(out);
        }
        out.flush();
        return 0;
    }

    private static String state(QemuVm vm) {
        return switch (vm) {
            case QemuVm.Attachable attachable -> "can be attached through " + attachable.qmpSocket();
            case QemuVm.Unattachable unattachable -> unattachable.missing();
        };
    }

    private static Map<String, Object> fields(XenVm vm) {
        return Json.object(
                "name", "xen:" + vm.name(), "domain", vm.id(), vm.isAttachable() ? "state" : "missing", vm.state());
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
