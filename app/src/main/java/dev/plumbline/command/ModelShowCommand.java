package dev.plumbline.command;

import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelException;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.report.ContextReport;
import dev.plumbline.report.Json;
import dev.plumbline.report.ModelReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline model show`: what a model holds.
@Command(name = "show", description = "Shows what a model holds, system call by system call")
final class ModelShowCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "The model's file")
    private Path file;

    @Option(
            names = "--syscall",
            paramLabel = "NAME",
            description = "Show what is known of this system call, or of another context: interrupt, exception,"
                    + " 'kernel thread kworker'")
    private String systemCall;

    @Option(names = "--json", description = "Print a JSON object")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Model model = ModelFile.read(file);
        if (systemCall != null) {
            ContextReport report = new ContextReport(context(model));
            if (json) {
                Json.print(out, report.json());
            } else {
                report.print(out);
            }
        } else if (json) {
            Json.print(out, new ModelReport(model).json());
        } else {
            new ModelReport(model).print(out);
        }
        out.flush();
        return 0;
    }

    private ContextModel context(Model model) throws ModelException {
        for (String name : SystemCallNames.candidates(systemCall)) {
            for (ContextModel each : model.contexts().values()) {
                if (each.context().title().equals(name)) {
                    return each;
                }
            }
        }
        throw new ModelException("%s knows nothing of %s: plumbline model show %s lists what it knows"
                .formatted(file, systemCall, file));
    }
}
