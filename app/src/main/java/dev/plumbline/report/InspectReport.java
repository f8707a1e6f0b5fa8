package dev.plumbline.report;

import static dev.plumbline.report.Json.hex;

import dev.plumbline.kernel.KernelModule;
import dev.plumbline.machine.Hypervisor;
import dev.plumbline.probe.ProbeJournal;
import java.io.PrintWriter;
import java.util.Map;
import java.util.Optional;

/// Prints an [Inspection].
public final class InspectReport {
    private static final String LINE = "%-13s %s%n";

    private final Inspection inspection;
    private final Optional<ProbeJournal.Changes> probes;

    /// @param inspection what to print
    /// @param probes what a run of Plumbline has changed in the guest, by its journal
    public InspectReport(Inspection inspection, Optional<ProbeJournal.Changes> probes) {
        this.inspection = inspection;
        this.probes = probes;
    }

    /// As text for people.
    public void print(PrintWriter out) {
        var image = inspection.image();
        var graph = inspection.callGraph();
        out.printf(LINE, "guest", PlainText.of(inspection.guest()));
        inspection.hypervisor().ifPresent(hypervisor -> out.printf(LINE, "hypervisor", line(hypervisor)));
        out.printf(LINE, "kernel", PlainText.of(inspection.identity().release()));
        out.printf(LINE, "banner", PlainText.of(inspection.identity().banner()));
        out.printf(LINE, "build id", inspection.identity().buildId());
        out.printf(
                LINE,
                "KASLR slide",
                "%s (text at %s, physical %s)"
                        .formatted(hex(image.kaslrSlide()), hex(image.virtualBase()), hex(image.physicalBase())));
        out.printf(
                LINE,
                "vCPUs",
                "%d, %d in use; %s".formatted(inspection.vcpuCount(), inspection.onlineCpuCount(), features()));
        out.printf(LINE, "symbols", "%,d".formatted(inspection.symbolCount()));
        out.printf(
                LINE,
                "functions",
                "%,d with %,d direct edges and %,d indirect sites"
                        .formatted(graph.functionCount(), graph.edgeCount(), graph.indirectSiteCount()));
        out.printf(LINE, "probe sites", probeSites());
        out.printf(
                LINE, "system calls", "%,d".formatted(inspection.systemCalls().size()));
        out.printf(
                LINE,
                "tasks",
                "%,d in %,d processes"
                        .formatted(
                                inspection.tasks().size(),
                                inspection.tasks().stream()
                                        .filter(task -> task.isProcess())
                                        .count()));
        probes.ifPresent(changes -> out.printf(
                LINE,
                "probes",
                "%,d, with a recorder at %s; plumbline detach takes them out"
                        .formatted(changes.sites().size(), hex(changes.areaAddress()))));
        out.printf(LINE, "modules", inspection.modules().size());
        printModules(out);
    }

    private static String line(Hypervisor.Description hypervisor) {
        StringBuilder line = new StringBuilder(PlainText.of(hypervisor.name()));
        if (!hypervisor.virtualisation().isEmpty()) {
            line.append(", ").append(hypervisor.virtualisation());
        }
        if (!hypervisor.events().isEmpty()) {
            line.append("; can report ").append(String.join(" ", hypervisor.events()));
        }
        return line.toString();
    }

    private String features() {
        var names = CpuFeatures.of(inspection.vcpu());
        String levels = inspection.vcpu().pagingLevels() + "-level page tables";
        return names.isEmpty() ? levels : levels + ", " + String.join(" ", names);
    }

    private String probeSites() {
        long used = inspection.ftraceRecords().stream()
                .filter(record -> record.enabled())
                .count();
        String text = "%,d".formatted(inspection.probeSiteCount());
        return used == 0 ? text : text + ", %,d of them in use by the guest's own tracer".formatted(used);
    }

    private void printModules(PrintWriter out) {
        if (inspection.modules().isEmpty()) {
            return;
        }
        Table table = new Table("  NAME", "BASE", "BYTES");
        for (KernelModule module : inspection.modules()) {
            table.row("  " + module.name(), hex(module.base()), Long.toString(module.sizeBytes()));
        }
        table.print(out);
    }

    /// As the object of the JSON contract.
    public Map<String, Object> json() {
        return Json.object(
                "guest", inspection.guest(),
                "hypervisor",
                        inspection
                                .hypervisor()
                                .map(hypervisor -> Json.object(
                                        "name", hypervisor.name(),
                                        "virtualisation", hypervisor.virtualisation(),
                                        "events", hypervisor.events()))
                                .orElse(null),
                "banner", inspection.identity().banner(),
                "release", inspection.identity().release(),
                "buildId", inspection.identity().buildId(),
                "kaslrSlide", hex(inspection.image().kaslrSlide()),
                "textBase", hex(inspection.image().virtualBase()),
                "vcpus", inspection.vcpuCount(),
                "onlineCpus", inspection.onlineCpuCount(),
                "cpuFeatures", CpuFeatures.of(inspection.vcpu()),
                "pagingLevels", inspection.vcpu().pagingLevels(),
                "symbolCount", inspection.symbolCount(),
                "functionCount", inspection.callGraph().functionCount(),
                "probeSiteCount", inspection.probeSiteCount(),
                "systemCallCount", inspection.systemCalls().size(),
                "taskCount", inspection.tasks().size(),
                "modules",
                        inspection.modules().stream()
                                .map(module -> Json.object(
                                        "name", module.name(),
                                        "base", hex(module.base()),
                                        "sizeBytes", module.sizeBytes()))
                                .toList(),
                "directEdges", inspection.callGraph().edgeCount(),
                "indirectSites", inspection.callGraph().indirectSiteCount(),
                "probes",
                        probes.map(changes -> Json.object(
                                        "engine", "inline",
                                        "sites", changes.sites().size(),
                                        "recorder", hex(changes.areaAddress())))
                                .orElse(null));
    }
}
