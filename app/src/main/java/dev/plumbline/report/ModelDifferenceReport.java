package dev.plumbline.report;

import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelDifference;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;

/// Prints what only one of two models knows.
public final class ModelDifferenceReport {
    private static final int MOST_SHOWN = 20;

    private final List<ModelDifference> onlyFirst;
    private final List<ModelDifference> onlySecond;
    private final List<String> modulesOfFirst;
    private final List<String> modulesOfSecond;

    /// Compares two models.
    public ModelDifferenceReport(Model first, Model second) {
        this.onlyFirst = ModelDifference.between(first, second);
        this.onlySecond = ModelDifference.between(second, first);
        this.modulesOfFirst = modules(first, second);
        this.modulesOfSecond = modules(second, first);
    }

    private static List<String> modules(Model of, Model other) {
        return of.modules().stream()
                .filter(module -> !other.modules().contains(module))
                .toList();
    }

    /// As text for people.
    ///
    /// @param first names the first model
    /// @param second names the second
    public void print(PrintWriter out, String first, String second) {
        if (onlyFirst.isEmpty() && onlySecond.isEmpty()) {
            out.println("both know the same functions, edges and paths");
        } else {
            print(out, first, onlyFirst);
            print(out, second, onlySecond);
        }
        printModules(out, first, modulesOfFirst);
        printModules(out, second, modulesOfSecond);
    }

    private static void printModules(PrintWriter out, String name, List<String> modules) {
        if (!modules.isEmpty()) {
            out.printf("only while %s was learnt these modules were loaded:%n", PlainText.of(name));
            print(out, modules);
        }
    }

    private static void print(PrintWriter out, String name, List<ModelDifference> differences) {
        long functions =
                differences.stream().mapToLong(each -> each.functions().size()).sum();
        long edges = differences.stream().mapToLong(each -> each.edges().size()).sum();
        long paths = differences.stream().mapToLong(ModelDifference::pathCount).sum();
        out.printf(
                "only %s knows %,d functions, %,d edges and %,d paths%n", PlainText.of(name), functions, edges, paths);
        for (ModelDifference each : differences) {
            out.printf(
                    "  %s: %,d functions, %,d edges, %,d paths%n",
                    PlainText.of(each.context().title()),
                    each.functions().size(),
                    each.edges().size(),
                    each.pathCount());
            print(out, each.functions());
            print(
                    out,
                    each.edges().stream()
                            .map(edge -> edge.site() + " -> " + edge.function())
                            .toList());
        }
    }

    private static void print(PrintWriter out, List<String> lines) {
        lines.stream().limit(MOST_SHOWN).forEach(line -> out.println("    " + PlainText.of(line)));
        if (lines.size() > MOST_SHOWN) {
            out.printf("    … %,d more; --json lists all%n", lines.size() - MOST_SHOWN);
        }
    }

    /// As a JSON object.
    public Map<String, Object> json() {
        return Json.object(
                "onlyFirst",
                json(onlyFirst),
                "onlySecond",
                json(onlySecond),
                "modulesOfFirst",
                modulesOfFirst,
                "modulesOfSecond",
                modulesOfSecond);
    }

    private static List<Map<String, Object>> json(List<ModelDifference> differences) {
        return differences.stream()
                .map(each -> Json.object(
                        "context", each.context().title(),
                        "functions", each.functions(),
                        "edges", each.edges().stream().map(ContextReport::json).toList(),
                        "paths", each.pathCount()))
                .toList();
    }
}
