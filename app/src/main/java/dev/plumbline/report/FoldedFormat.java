package dev.plumbline.report;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowNames;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/// Prints, at the end, each stack of callers and how many calls were made at its top, as flame graph programs read it:
/// `ls;getdents64;__x64_sys_getdents64;iterate_dir 12`. A frame's width is how many functions ran, not how long.
public final class FoldedFormat implements FlowFormat {
    private static final int MOST_STACKS = 1 << 18;
    private static final String OTHERS = ";(others)";

    private final PrintWriter out;
    private final FlowNames names = new FlowNames();
    private final Map<String, long[]> counts = new TreeMap<>();
    private int[] lengths = new int[64];

    /// @param out where to print
    public FoldedFormat(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void flow(Flow flow) {
        String root = frame(FlowText.comm(flow)) + ";" + frame(FlowText.title(flow));
        StringBuilder stack = new StringBuilder(root);
        for (int call = 0; call < flow.callCount(); call++) {
            int depth = flow.depth(call);
            if (depth + 1 >= lengths.length) {
                lengths = Arrays.copyOf(lengths, depth * 2 + 2);
            }
            stack.setLength(depth == 0 ? root.length() : lengths[depth]);
            stack.append(';').append(frame(names.function(flow, call)));
            lengths[depth + 1] = stack.length();
            count(stack.toString(), root);
        }
    }

    // A semicolon separates frames, a blank the count.
    private static String frame(String name) {
        return name.replace(';', ':').replace(' ', '_');
    }

    private void count(String stack, String root) {
        String key = counts.size() < MOST_STACKS || counts.containsKey(stack) ? stack : root + OTHERS;
        counts.computeIfAbsent(key, _ -> new long[1])[0]++;
    }

    @Override
    public void end(TraceSummary summary) {
        counts.forEach((stack, count) -> out.println(stack + " " + count[0]));
        out.flush();
    }
}
