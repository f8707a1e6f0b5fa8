package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.machine.Machine;
import dev.plumbline.monitoring.AlertLog;
import dev.plumbline.report.AlertFormat;
import dev.plumbline.report.AlertJson;
import dev.plumbline.report.AlertText;
import dev.plumbline.report.MonitorSummary;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline monitor`: notices when a guest's kernel departs from a model, or its code from what it was.
@Command(
        name = "monitor",
        description = "Reports what departs from a model of a guest's kernel, and changes of its code",
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:no alert above low",
            "1:it could not be done, or not all alerts could be told",
            "3:alerts above low were raised"
        })
final class MonitorCommand implements Callable<Integer> {
    private static final int NOT_ALL_TOLD = 1;
    private static final int ALERTS = 3;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET or a bare NAME")
    private String vm;

    @Option(names = "--model", paramLabel = "FILE", required = true, description = "What is normal, from learn")
    private Path file;

    @Mixin
    private ProbeOptions probes;

    @Option(
            names = "--mode",
            defaultValue = "edge",
            description = "edge: only what is new leaves the guest, and calls are compared one by one (default);"
                    + " full: every call does, and chains of calls are compared too")
    private MonitorMode mode;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            description = "How long, e.g. 30s, 10m; default until interrupted")
    private Long forNanos;

    @Option(
            names = "--severity",
            defaultValue = "medium",
            description =
                    "The least grave that is shown: low, medium, high or critical; default medium. Low is what the"
                            + " guest does for the first time and may do; it is counted all the same")
    private ShownSeverity severity;

    @Option(names = "--json", description = "Print a JSON object a line: OCSF Detection Findings")
    private boolean json;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Also append what is shown to a file, as with --json")
    private Path report;

    @Option(
            names = "--on-alert",
            paramLabel = "report|pause|dump|CMD",
            defaultValue = "report",
            description =
                    "What to do beside reporting: nothing (report, the default); pause the guest, and end with the"
                            + " probes in it; dump its memory, once, into the working directory; or run a shell command"
                            + " for each alert, with its JSON on standard input")
    private String onAlert;

    @Option(
            names = "--on-alert-from",
            paramLabel = "SEVERITY",
            defaultValue = "high",
            description = "The least grave that --on-alert is for; default high")
    private ShownSeverity onAlertFrom;

    @Override
    public Integer call() throws Exception {
        probes.verify(spec);
        AlertResponse.verify(onAlert, spec);
        try (OrderlyEnd end = OrderlyEnd.watch()) {
            try {
                Model model = ModelFile.read(file);
                try (ErrorLines err = new ErrorLines(spec.commandLine().getErr());
                        Machine machine = GuestNames.attach(vm)) {
                    return monitor(LinuxKernel.open(machine), model, err, end);
                }
            } catch (IOException e) {
                return end.tell(spec.commandLine(), e);
            }
        }
    }

    private int monitor(LinuxKernel kernel, Model model, ErrorLines err, OrderlyEnd end) throws IOException {
        model.verifyIsOf(kernel.identity().buildId(), file.toString());
        AlertFormat findings = new AlertJson(kernel.machine().name());
        List<AlertFile> outputs = outputs(findings);
        try (AlertResponse response = new AlertResponse(onAlert, onAlertFrom.severity(), kernel.machine(), err)) {
            AlertLog alerts = new AlertLog(
                    severity.severity(),
                    outputs,
                    AlertFile.appendingTo(ProbeJournals.alerts(kernel), findings),
                    err,
                    InstantSource.system(),
                    AlertLog.Times.DEFAULT);
            boolean isAllTold;
            MonitorSummary summary;
            try {
                summary = watch(kernel, model, alerts, response, err, end);
                outputs.forEach(each -> each.endWith(summary));
            } finally {
                isAllTold = alerts.close(AlertLog.Times.DEFAULT.patience());
            }
            return !isAllTold ? NOT_ALL_TOLD : summary.graveCount() > 0 ? ALERTS : 0;
        }
    }

    private MonitorSummary watch(
            LinuxKernel kernel, Model model, AlertLog alerts, AlertResponse response, ErrorLines err, OrderlyEnd end)
            throws IOException {
        ProbeOptions.Choice choice = probes.of(kernel);
        TracedKernel traced = choice.traced();
        MonitorOutput output = new MonitorOutput(traced, model, mode, alerts, response, err);
        try (Guard _ = Guard.start(vm);
                ModuleWatch modules = traced.watchModules()) {
            new TraceRun(choice, modules, output, output.recording(), err)
                    .follow(end::isAsked, Optional.ofNullable(forNanos));
        }
        return output.summary();
    }

    private List<AlertFile> outputs(AlertFormat findings) throws IOException {
        AlertFile out = AlertFile.standardOutput(json ? findings : text());
        if (report == null) {
            return List.of(out);
        }
        AlertFile also = AlertFile.appendingTo(report, findings);
        also.open();
        return List.of(out, also);
    }

    private static AlertFormat text() {
        boolean isTerminal = System.console() != null && System.console().isTerminal();
        return new AlertText(isTerminal, ZoneId.systemDefault());
    }
}
