package dev.plumbline.report;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowNames;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;

/// Prints flows as trees for people, laid out like the kernel's function_graph tracer:
/// ```
/// # CPU  TASK-PID                |  FUNCTION CALLS
///
/// # getdents64  ls-812  3 calls
///  0)    ls-812                  |  __x64_sys_getdents64() {
///  0)    ls-812                  |    iterate_dir() {
///  0)    ls-812                  |      dcache_readdir();  /* indirect, from iterate_dir+0x9a */
///  0)    ls-812                  |    }
///  0)    ls-812                  |  }
/// ```
/// Where calls have times, a column says how many microseconds after the flow's first call each was made.
/// A call that ends far below where it began ends with its name. Where a function without a probe stands between a call
/// and the one above it, the call says where it came from.
public final class TreeFormat implements FlowFormat {
    // 15 characters of name, a dash, at most 7 digits
    private static final int TASK_COLUMNS = 23;
    private static final int TIME_COLUMNS = 13;
    private static final String TIME_HEADING = "MICROSECONDS ";
    private static final String NO_TIME = " ".repeat(TIME_COLUMNS);
    private static final String INDENT = "  ";
    /// As many lines can be seen at once.
    private static final int SCREEN_LINES = 24;

    private final PrintWriter out;
    private final TimeScale times;
    private final FlowNames names = new FlowNames();
    private boolean isFirst = true;
    private int[] openCalls = new int[64];

    /// @param out where to print; flushed after each flow
    /// @param times of calls
    public TreeFormat(PrintWriter out, TimeScale times) {
        this.out = out;
        this.times = times;
    }

    @Override
    public void flow(Flow flow) {
        StringBuilder text = new StringBuilder();
        if (isFirst) {
            String column = times.isKnown() ? TIME_HEADING : "";
            text.append(("# CPU  %-" + TASK_COLUMNS + "s %s|  FUNCTION CALLS\n").formatted("TASK-PID", column));
            isFirst = false;
        }
        text.append('\n');
        heading(text, flow);
        String start = margin(flow);
        int calls = flow.callCount();
        for (int call = 0; call < calls; call++) {
            int nextDepth = call + 1 < calls ? flow.depth(call + 1) : 0;
            boolean isOpen = nextDepth > flow.depth(call);
            line(text, start, time(flow, call), flow.depth(call))
                    .append(names.function(flow, call))
                    .append(isOpen ? "() {" : "();");
            comment(text, flow, call);
            text.append('\n');
            if (isOpen) {
                open(flow.depth(call), call);
            }
            for (int depth = flow.depth(call) - 1; !isOpen && depth >= nextDepth; depth--) {
                line(text, start, times.isKnown() ? NO_TIME : "", depth).append('}');
                if (call - openCalls[depth] > SCREEN_LINES) {
                    text.append(" /* ")
                            .append(names.function(flow, openCalls[depth]))
                            .append(" */");
                }
                text.append('\n');
            }
        }
        out.print(text);
        out.flush();
    }

    private void open(int depth, int call) {
        if (depth >= openCalls.length) {
            openCalls = Arrays.copyOf(openCalls, depth * 2);
        }
        openCalls[depth] = call;
    }

    private void heading(StringBuilder text, Flow flow) {
        text.append("# ")
                .append(FlowText.titleWithEntry(flow, names))
                .append(INDENT)
                .append(task(flow));
        text.append(INDENT).append(String.format("%,d", flow.callCount() + flow.omittedCallCount()));
        text.append(flow.callCount() == 1 ? " call" : " calls");
        if (flow.omittedCallCount() > 0) {
            text.append(String.format(", the last %,d left out", flow.omittedCallCount()));
        }
        text.append(flow.isWhole() ? "" : ", incomplete").append(flow.hasEnded() ? "" : ", still running");
        text.append('\n');
    }

    private static String task(Flow flow) {
        return FlowText.comm(flow) + "-"
                + (flow.task().pid() < 0 ? "?" : flow.task().pid());
    }

    private static String margin(Flow flow) {
        return String.format("%3d)   %-" + TASK_COLUMNS + "s ", flow.cpu(), task(flow));
    }

    private String time(Flow flow, int call) {
        if (!times.isKnown()) {
            return "";
        }
        double micros = times.micros(flow.timeStampCounter(0), flow.timeStampCounter(call));
        return String.format(Locale.ROOT, "%" + (TIME_COLUMNS - 1) + ".3f ", micros);
    }

    private static StringBuilder line(StringBuilder text, String start, String time, int depth) {
        return text.append(start).append(time).append("|  ").repeat(INDENT, depth);
    }

    private void comment(StringBuilder text, Flow flow, int call) {
        boolean isUnknown = flow.function(call) < 0;
        boolean isIndirect = flow.isIndirect(call);
        String how = null;
        if (flow.isTailCall(call)) {
            how = isIndirect ? "indirect tail call" : "tail call";
        } else if (isIndirect) {
            how = "indirect, from " + names.caller(flow, call);
        } else if (isUnknown || isOverOthers(flow, call)) {
            how = "from " + names.caller(flow, call);
        }
        if (how != null) {
            text.append("  /* ")
                    .append(isUnknown ? "no known function, " : "")
                    .append(how)
                    .append(" */");
        }
    }

    // Its caller is another function than the one above it: one without a probe.
    private boolean isOverOthers(Flow flow, int call) {
        if (flow.depth(call) == 0) {
            return false;
        }
        String place = names.caller(flow, call);
        String above = names.function(flow, openCalls[flow.depth(call) - 1]);
        int end = place.indexOf('+');
        return end >= 0 && !place.substring(0, end).replace(".cold", "").equals(symbol(above));
    }

    private static String symbol(String function) {
        int owner = function.indexOf(" [");
        return owner < 0 ? function : function.substring(0, owner);
    }

    @Override
    public void end(TraceSummary summary) {
        if (!isFirst) {
            out.println();
        }
        out.printf(
                "# %,d flows of %,d call events in %.1f s, %s%n",
                summary.flows(),
                summary.events(),
                summary.seconds(),
                summary.dropped() == 0 ? "none lost" : String.format("%,d lost", summary.dropped()));
        out.flush();
    }
}
