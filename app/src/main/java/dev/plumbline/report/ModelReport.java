package dev.plumbline.report;

import static dev.plumbline.report.LearningSummary.percent;

import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.Method;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.Unseen;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Prints what a model holds, a line for each context.
public final class ModelReport {
    private final Model model;

    /// @param model what to print
    public ModelReport(Model model) {
        this.model = model;
    }

    /// As text for people.
    public void print(PrintWriter out) {
        out.println("kernel        " + PlainText.of(model.banner()));
        out.println("build id      " + PlainText.of(model.buildId()));
        out.printf(
                "learnt from   %,d system calls and %,d other flows, %,d calls in all%n",
                model.systemCallCount(), model.flowCount() - model.systemCallCount(), model.callCount());
        out.println("modules then  "
                + PlainText.of(model.modules().isEmpty() ? "none" : String.join(" ", model.modules())));
        LearningSummary.printLosses(out, model.losses());
        out.println();
        Table table = new Table("CONTEXT", "FLOWS", "FUNCTIONS", "EDGES", "PATHS", "UNSEEN: SET", "EDGE", "PATH");
        model.contexts().values().forEach(each -> row(table, each));
        row(table, "all system calls", model.systemCallCount(), "", "", "", model.unseen());
        row(
                table,
                "all",
                model.flowCount(),
                number(model.count(Method.SET)),
                number(model.count(Method.EDGE)),
                number(model.count(Method.PATH)),
                model.unseenOfAll());
        table.print(out);
    }

    private static void row(Table table, ContextModel each) {
        row(
                table,
                each.context().title(),
                each.flowCount(),
                number(each.count(Method.SET)),
                number(each.count(Method.EDGE)),
                number(each.count(Method.PATH)),
                each.unseen());
    }

    private static void row(
            Table table, String title, long flows, String functions, String edges, String paths, Unseen unseen) {
        table.row(
                title,
                number(flows),
                functions,
                edges,
                paths,
                percent(unseen.set()),
                percent(unseen.edge()),
                percent(unseen.path()));
    }

    private static String number(long number) {
        return "%,d".formatted(number);
    }

    /// As a JSON object.
    public Map<String, Object> json() {
        List<Object> contexts = new ArrayList<>();
        model.contexts().values().forEach(each -> contexts.add(ContextReport.head(each)));
        return Json.object(
                "banner", model.banner(),
                "buildId", model.buildId(),
                "systemCalls", model.systemCallCount(),
                "flows", model.flowCount(),
                "calls", model.callCount(),
                "modules", model.modules(),
                "functions", model.count(Method.SET),
                "edges", model.count(Method.EDGE),
                "paths", model.count(Method.PATH),
                "unseen", LearningSummary.unseen(model.unseen()),
                "unseenOfAll", LearningSummary.unseen(model.unseenOfAll()),
                "leftOut", LearningSummary.losses(model.losses()),
                "contexts", contexts);
    }
}
