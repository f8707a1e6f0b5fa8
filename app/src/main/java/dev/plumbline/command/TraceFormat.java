package dev.plumbline.command;

import dev.plumbline.report.EdgeFormat;
import dev.plumbline.report.FlowFormat;
import dev.plumbline.report.FoldedFormat;
import dev.plumbline.report.JsonLinesFormat;
import dev.plumbline.report.PerfettoFormat;
import dev.plumbline.report.TimeScale;
import dev.plumbline.report.TreeFormat;
import java.io.PrintWriter;

/// The values of `--format`, spelt as they are typed.
enum TraceFormat {
    tree,
    jsonl,
    folded,
    perfetto;

    /// @param times how times of calls are shown
    FlowFormat output(PrintWriter out, TimeScale times) {
        return switch (this) {
            case tree -> new TreeFormat(out, times);
            case jsonl -> new JsonLinesFormat(out, times);
            case folded -> new FoldedFormat(out);
            case perfetto -> new PerfettoFormat(out, times);
        };
    }

    /// For edges, which are no flows: one of tree and jsonl.
    EdgeFormat edges(PrintWriter out) {
        return this == jsonl ? EdgeFormat.jsonLines(out) : EdgeFormat.text(out);
    }
}
