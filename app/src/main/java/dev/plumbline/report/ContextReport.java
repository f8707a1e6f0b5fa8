package dev.plumbline.report;

import static dev.plumbline.report.LearningSummary.percent;

import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.LearntEdge;
import dev.plumbline.learning.LearntFunction;
import dev.plumbline.learning.Method;
import java.io.PrintWriter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// Prints what a model holds of one context: its functions, and where its indirect calls lead.
public final class ContextReport {
    private final ContextModel model;

    /// @param model what to print
    public ContextReport(ContextModel model) {
        this.model = model;
    }

    /// As text for people: the functions that ran most often first.
    public void print(PrintWriter out) {
        out.printf(
                "%s: %,d flows, %,d functions, %,d edges, %,d paths; unseen %s, %s, %s%n%n",
                PlainText.of(model.context().title()),
                model.flowCount(),
                model.count(Method.SET),
                model.count(Method.EDGE),
                model.count(Method.PATH),
                percent(model.unseen().set()),
                percent(model.unseen().edge()),
                percent(model.unseen().path()));
        Table functions = new Table("FUNCTION", "CALLS", "FLOWS");
        model.functions().stream()
                .sorted(Comparator.comparingLong(LearntFunction::calls)
                        .reversed()
                        .thenComparing(LearntFunction::name))
                .forEach(each ->
                        functions.row(each.name(), "%,d".formatted(each.calls()), "%,d".formatted(each.flows())));
        functions.print(out);
        Map<String, TreeSet<String>> targets = targets();
        if (!targets.isEmpty()) {
            out.println();
            Table sites = new Table("INDIRECT CALL AT", "LEADS TO");
            targets.forEach((site, functionsThere) -> sites.row(site, String.join(", ", functionsThere)));
            sites.print(out);
        }
    }

    private Map<String, TreeSet<String>> targets() {
        Map<String, TreeSet<String>> targets = new TreeMap<>();
        for (LearntEdge edge : model.edges()) {
            if (edge.isIndirect()) {
                targets.computeIfAbsent(edge.site(), _ -> new TreeSet<>()).add(edge.function());
            }
        }
        return targets;
    }

    /// What there is of a context without its items, as a JSON object.
    static Map<String, Object> head(ContextModel model) {
        return Json.object(
                "context", model.context().title(),
                "kind", model.context().kind().name().toLowerCase(Locale.ROOT),
                "name", model.context().name(),
                "flows", model.flowCount(),
                "functions", model.count(Method.SET),
                "edges", model.count(Method.EDGE),
                "paths", model.count(Method.PATH),
                "unseen", LearningSummary.unseen(model.unseen()));
    }

    /// As a JSON object; what [#head] counts is in lists here.
    public Map<String, Object> json() {
        Map<String, Object> fields = head(model);
        fields.put(
                "functions", model.functions().stream().map(ContextReport::json).toList());
        fields.put("edges", model.edges().stream().map(ContextReport::json).toList());
        fields.put("paths", paths());
        return fields;
    }

    private static Map<String, Object> json(LearntFunction function) {
        return Json.object("function", function.name(), "calls", function.calls(), "flows", function.flows());
    }

    static Map<String, Object> json(LearntEdge edge) {
        return Json.object(
                "site", edge.site(),
                "function", edge.function(),
                "direct", edge.isDirect(),
                "indirect", edge.isIndirect(),
                "tail", edge.isJumpedTo(),
                "calls", edge.calls(),
                "flows", edge.flows());
    }

    private List<Map<String, Object>> paths() {
        return model.paths().stream()
                .map(path -> Json.object(
                        "parent", path.parent(),
                        "function", path.function(),
                        "calls", path.calls(),
                        "flows", path.flows()))
                .toList();
    }
}
