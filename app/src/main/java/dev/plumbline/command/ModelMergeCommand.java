package dev.plumbline.command;

import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `plumbline model merge`: one model of what several know.
@Command(name = "merge", description = "Makes one model of several of the same kernel build, with their counts added")
final class ModelMergeCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", arity = "1..*", description = "Files of models, each learnt on its own")
    private List<Path> files;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            required = true,
            description = "The file to write; what is no model is not overwritten")
    private Path output;

    @Override
    public Integer call() throws IOException {
        try (ModelFile held = ModelFile.hold(output)) {
            // Whatever it is that would be overwritten.
            held.known();
            Model sum = ModelFile.read(files.getFirst());
            for (Path file : files.subList(1, files.size())) {
                Model next = ModelFile.read(file);
                next.verifyMergesWith(sum, file.toString());
                sum = sum.merge(next);
            }
            held.replace(sum);
        }
        return 0;
    }
}
