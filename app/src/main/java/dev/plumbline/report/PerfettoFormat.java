package dev.plumbline.report;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowNames;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// Prints flows as slices on a track for each task, in the Trace Event Format (JSON object form) that Perfetto's UI
/// and chrome://tracing open. Where calls have no times of their own, one event is shown as one microsecond, so that a
/// slice is as long as the number of events until its function returned, of all tasks. When a function returned is
/// known no better than by the next call in its task.
public final class PerfettoFormat implements FlowFormat {
    private static final int MOST_NAMES = 1 << 16;
    // Behind all numbers of tasks, PID_MAX_LIMIT: every CPU has an idle task of the number 0.
    private static final int FIRST_IDLE = (1 << 22) + 1;

    private final PrintWriter out;
    private final JsonGenerator json;
    private final TimeScale times;
    private final FlowNames names = new FlowNames();
    private final Map<Integer, String> named = new HashMap<>();
    private long[] ends = new long[256];

    /// @param out where to print
    /// @param times of calls
    public PerfettoFormat(PrintWriter out, TimeScale times) {
        this.times = times;
        this.out = out;
        this.json = Json.generator(out);
        try {
            json.writeStartObject();
            json.writeArrayFieldStart("traceEvents");
        } catch (IOException e) {
            throw fault(e);
        }
    }

    @Override
    public void flow(Flow flow) {
        int calls = flow.callCount();
        if (calls == 0) {
            return;
        }
        try {
            nameTask(flow);
            long end = start(flow, calls - 1) + 1;
            findEnds(flow, end);
            slice(flow, FlowText.title(flow), FlowText.kind(flow), start(flow, 0), end);
            json.writeNumberField("cpu", flow.cpu());
            json.writeNumberField("timeStampCounter", flow.timeStampCounter());
            json.writeBooleanField("whole", flow.isWhole());
            endSlice();
            for (int call = 0; call < calls; call++) {
                slice(flow, names.function(flow, call), FlowText.kind(flow), start(flow, call), ends[call]);
                json.writeStringField("caller", names.caller(flow, call));
                json.writeBooleanField("indirect", flow.isIndirect(call));
                endSlice();
            }
        } catch (IOException e) {
            throw fault(e);
        }
    }

    private long start(Flow flow, int call) {
        return times.isKnown() ? flow.timeStampCounter(call) : flow.order(call);
    }

    private void time(String field, long ticks) throws IOException {
        if (times.isKnown()) {
            json.writeNumberField(field, times.micros(0, ticks));
        } else {
            json.writeNumberField(field, ticks);
        }
    }

    // A call ends when the next one begins that is not within it.
    private void findEnds(Flow flow, long end) {
        int calls = flow.callCount();
        if (ends.length < calls) {
            ends = new long[calls * 2];
        }
        int[] open = new int[64];
        int depth = 0;
        for (int call = 0; call <= calls; call++) {
            int next = call < calls ? flow.depth(call) : 0;
            long now = call < calls ? start(flow, call) : end;
            while (depth > next) {
                ends[open[--depth]] = now;
            }
            if (call < calls) {
                open = depth < open.length ? open : Arrays.copyOf(open, depth * 2);
                open[depth++] = call;
            }
        }
    }

    private void nameTask(Flow flow) throws IOException {
        String comm = FlowText.comm(flow);
        if (named.size() < MOST_NAMES && !comm.equals(named.put(track(flow), comm))) {
            json.writeStartObject();
            json.writeStringField("name", "thread_name");
            json.writeStringField("ph", "M");
            ids(flow);
            json.writeObjectFieldStart("args");
            json.writeStringField("name", comm);
            endSlice();
        }
    }

    private void slice(Flow flow, String name, String category, long start, long end) throws IOException {
        json.writeStartObject();
        json.writeStringField("name", name);
        json.writeStringField("cat", category);
        json.writeStringField("ph", "X");
        time("ts", start);
        time("dur", end - start);
        ids(flow);
        json.writeObjectFieldStart("args");
    }

    private void ids(Flow flow) throws IOException {
        json.writeNumberField("pid", flow.task().tgid());
        json.writeNumberField("tid", track(flow));
    }

    private static int track(Flow flow) {
        return flow.task().pid() == 0 ? FIRST_IDLE + flow.cpu() : flow.task().pid();
    }

    private void endSlice() throws IOException {
        json.writeEndObject();
        json.writeEndObject();
        json.writeRaw('\n');
    }

    @Override
    public void end(TraceSummary summary) {
        try {
            json.writeEndArray();
            json.writeStringField("displayTimeUnit", "ns");
            json.writeFieldName("otherData");
            Json.write(json, summary.json());
            json.writeEndObject();
            json.flush();
        } catch (IOException e) {
            throw fault(e);
        }
        out.println();
        out.flush();
    }

    private static UncheckedIOException fault(IOException e) {
        return new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
    }
}
