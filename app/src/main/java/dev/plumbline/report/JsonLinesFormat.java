package dev.plumbline.report;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;

/// Prints one flow a line as a JSON object, and a last line `{"summary":{…}}`. `syscall` is `null` for what is none;
/// `kind` says what it is. Where calls have times, `micros` is the time since the flow's first call.
public final class JsonLinesFormat implements FlowFormat {
    private final PrintWriter out;
    private final JsonGenerator json;
    private final TimeScale times;
    private final FlowNames names = new FlowNames();

    /// @param out where to print; flushed after each flow
    /// @param times of calls
    public JsonLinesFormat(PrintWriter out, TimeScale times) {
        this.times = times;
        this.out = out;
        this.json = Json.generator(out);
    }

    @Override
    public void flow(Flow flow) {
        try {
            json.writeStartObject();
            json.writeStringField(
                    "syscall",
                    flow.kind() == FlowKind.SYSTEM_CALL ? flow.systemCall().name() : null);
            json.writeStringField("kind", FlowText.kind(flow));
            json.writeNumberField("pid", flow.task().pid());
            json.writeStringField("comm", flow.task().comm());
            json.writeNumberField("cpu", flow.cpu());
            json.writeBooleanField("whole", flow.isWhole());
            json.writeBooleanField("ended", flow.hasEnded());
            json.writeArrayFieldStart("calls");
            for (int call = 0; call < flow.callCount(); call++) {
                write(flow, call);
            }
            json.writeEndArray();
            json.writeEndObject();
            endLine();
        } catch (IOException e) {
            throw new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
        }
    }

    private void write(Flow flow, int call) throws IOException {
        json.writeStartObject();
        json.writeStringField("function", names.function(flow, call));
        json.writeNumberField("depth", flow.depth(call));
        json.writeStringField("caller", names.caller(flow, call));
        json.writeBooleanField("indirect", flow.isIndirect(call));
        if (times.isKnown()) {
            json.writeNumberField("micros", times.micros(flow.timeStampCounter(0), flow.timeStampCounter(call)));
        }
        if (flow.isTailCall(call)) {
            json.writeBooleanField("tail", true);
        }
        if (flow.function(call) < 0) {
            json.writeBooleanField("unknown", true);
        }
        json.writeEndObject();
    }

    private void endLine() throws IOException {
        json.flush();
        out.println();
        out.flush();
    }

    @Override
    public void end(TraceSummary summary) {
        try {
            Json.write(json, Json.object("summary", summary.json()));
            endLine();
        } catch (IOException e) {
            throw new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
        }
    }
}
