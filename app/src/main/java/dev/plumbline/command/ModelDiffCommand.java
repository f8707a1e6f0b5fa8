package dev.plumbline.command;

import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.report.Json;
import dev.plumbline.report.ModelDifferenceReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline model diff`: what one of two models knows and the other does not.
@Command(name = "diff", description = "Shows what only one of two models knows")
final class ModelDiffCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "A", description = "A model's file")
    private Path first;

    @Parameters(index = "1", paramLabel = "B", description = "Another one's")
    private Path second;

    @Option(names = "--json", description = "Print a JSON object")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Model one = ModelFile.read(first);
        Model other = ModelFile.read(second);
        PrintWriter out = spec.commandLine().getOut();
        ModelDifferenceReport report = new ModelDifferenceReport(one, other);
        if (json) {
            Json.print(out, report.json());
        } else {
            report.print(out, first.toString(), second.toString());
        }
        out.flush();
        return 0;
    }
}
