package dev.plumbline.learning;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A process that writes one model after the other to a file: the n-th is of n rounds. It says when it holds the file,
/// and after that a full stop for each model.
final class ModelWriterProcess {
    static final int NAMES_OF_ROUND = 500;

    private ModelWriterProcess() {}

    /// @param arguments the file, and how many models to write
    public static void main(String[] arguments) throws Exception {
        Path path = Path.of(arguments[0]);
        int count = Integer.parseInt(arguments[1]);
        try (ModelFile file = ModelFile.hold(path)) {
            System.out.println("holds");
            for (int rounds = 1; rounds <= count; rounds++) {
                file.replace(model(rounds));
                System.out.print('.');
                System.out.flush();
            }
        } catch (ModelException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    /// Each round calls with another name, so that models differ and grow.
    static Model model(int rounds) {
        ModelTables tables = new ModelTables("b01dface", "Linux version 6.1.0", ModelLimits.DEFAULT);
        int context = tables.findOrAdd(SketchWorkload.READ);
        for (int round = 0; round < rounds * NAMES_OF_ROUND; round++) {
            int name = tables.names.findOrAdd("function_with_a_rather_long_name_" + round);
            int item = tables.items(Method.SET).findOrAdd(ModelTables.functionKey(context, name), context);
            tables.flows[context]++;
            tables.items(Method.SET).calls[item]++;
            tables.show(Method.SET, item, tables.novelty.flow(context), 1);
        }
        return new Model(tables);
    }

    static Process start(Path directory, List<String> prefix, Path file, int count) throws Exception {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-Djava.io.tmpdir=" + directory,
                "-cp",
                System.getProperty("java.class.path"),
                ModelWriterProcess.class.getName(),
                file.toString(),
                Integer.toString(count)));
        return new ProcessBuilder(command)
                .redirectError(directory.resolve("errors").toFile())
                .start();
    }
}
