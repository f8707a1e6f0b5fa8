package dev.plumbline.report;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.plumbline.extraction.ObservedEdge;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;

/// Prints the edges of `trace --mode edge`, one a line, and a summary. For one thread.
public interface EdgeFormat extends ObservedEdge.Sink {

    /// Prints what comes after the last edge. Nothing may follow.
    void end(TraceSummary summary);

    /// Aligned columns for people: the system call, the place of the call, the function.
    static EdgeFormat text(PrintWriter out) {
        return new EdgeFormat() {
            @Override
            public void edge(ObservedEdge edge) {
                out.printf(
                        "%-18s  %-48s -> %s%s%n",
                        edge.context(),
                        edge.caller(),
                        edge.function(),
                        edge.isKnown() ? edge.isIndirect() ? "  /* indirect */" : "" : "  /* no known function */");
                out.flush();
            }

            @Override
            public void end(TraceSummary summary) {
                out.printf(
                        "# %,d edges of %,d that were new, in %.1f s, %s%n",
                        summary.flows(),
                        summary.events(),
                        summary.seconds(),
                        summary.dropped() == 0 ? "none lost" : String.format("%,d lost", summary.dropped()));
                out.flush();
            }
        };
    }

    /// One JSON object a line, and a last line `{"summary":{…}}`, in which `flows` counts the edges printed.
    static EdgeFormat jsonLines(PrintWriter out) {
        JsonGenerator json = Json.generator(out);
        return new EdgeFormat() {
            @Override
            public void edge(ObservedEdge edge) {
                write(Json.object(
                        "syscall", edge.inSystemCall() ? edge.context() : null,
                        "kind",
                                edge.inSystemCall()
                                        ? "system_call"
                                        : edge.context().replace(' ', '_'),
                        "caller", edge.caller(),
                        "function", edge.function(),
                        "indirect", edge.isIndirect(),
                        "unknown", !edge.isKnown(),
                        "pid", edge.task().pid(),
                        "comm", edge.task().comm(),
                        "cpu", edge.cpu()));
            }

            @Override
            public void end(TraceSummary summary) {
                write(Json.object("summary", summary.json()));
            }

            private void write(Object line) {
                try {
                    Json.write(json, line);
                    json.flush();
                    out.println();
                    out.flush();
                } catch (IOException e) {
                    throw new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
                }
            }
        };
    }
}
