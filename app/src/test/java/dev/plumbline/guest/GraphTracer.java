package dev.plumbline.guest;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.TestGuest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The guest's own function_graph tracer: records one command, whole, on all CPUs.
///
/// A second CPU is taken out of service while the kernel rewrites its text to start and to stop the tracer. QEMU before
/// 8.1 may run stale bytes of code that another CPU has just patched, an int3 for instance, and
/// then the guest panics.
final class GraphTracer {
    private static final String SCRIPT = """
            cd /sys/kernel/tracing
            others() { for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do [ ! -e $cpu ] || echo $1 > $cpu; done; }
            echo 0 > tracing_on
            echo %d > buffer_size_kb
            others 0
            echo function_graph > current_tracer
            others 1
            for option in duration overhead cpu; do echo 0 > options/funcgraph-$option; done
            for option in proc tail irqs; do echo 1 > options/funcgraph-$option; done
            echo > trace
            echo 1 > tracing_on
            %s > /dev/null
            status=$?
            echo 0 > tracing_on
            grep -hE '^(overrun|commit overrun|dropped events): [1-9]' per_cpu/cpu*/stats
            grep -E '^ *%s-[0-9]+ +\\|' trace
            others 0
            echo nop > current_tracer
            others 1
            echo 1 > buffer_size_kb
            echo 1 > tracing_on
            exit $status
            """;
    private static final int BUFFER_KIB = 80_000;
    /// As many characters of a task's name are in each line.
    private static final int NAME_LENGTH = 7;

    private static final Pattern LINE = Pattern.compile(" *\\S+-(\\d+) +\\| *(\\S+?)?(\\(\\);|\\(\\) \\{|\\}.*)");
    private static final Pattern MODULE = Pattern.compile(" \\[\\w+]");
    /// Marks where an interrupt begins and ends.
    private static final String INTERRUPT = "==========";

    private final TestGuest guest;

    GraphTracer(TestGuest guest) {
        this.guest = guest.withLimits(
                ExecLimits.DEFAULT.withTotal(Duration.ofMinutes(5)).withSilence(Duration.ofMinutes(2)));
    }

    /// What tasks of the command's name ran while it ran.
    ///
    /// @return by task number what was called from where the trace knows no caller, in order
    Map<Integer, List<RanFunction>> record(String command) throws GuestException {
        String name = command.split(" ")[0];
        String shown = name.substring(0, Math.min(NAME_LENGTH, name.length()));
        String text = guest.execChecked(SCRIPT.formatted(BUFFER_KIB, command, shown));
        Map<Integer, List<RanFunction>> roots = new TreeMap<>();
        Map<Integer, Deque<RanFunction>> open = new TreeMap<>();
        text.lines().filter(line -> !line.contains(INTERRUPT)).forEach(line -> {
            Matcher matcher = LINE.matcher(MODULE.matcher(line).replaceAll(""));
            if (!matcher.matches()) {
                throw new IllegalArgumentException("the tracer lost something, or writes what is not known: " + line);
            }
            int pid = Integer.parseInt(matcher.group(1));
            add(
                    roots.computeIfAbsent(pid, _ -> new ArrayList<>()),
                    open.computeIfAbsent(pid, _ -> new ArrayDeque<>()),
                    matcher.group(2),
                    matcher.group(3));
        });
        return roots;
    }

    // What was entered before the trace began, or under another name, ends without a beginning.
    private static void add(List<RanFunction> roots, Deque<RanFunction> open, String function, String what) {
        if (what.startsWith("}")) {
            RanFunction ended = open.poll();
            if (ended != null && !what.equals("} /* " + ended.name() + " */")) {
                throw new IllegalArgumentException(ended.name() + " ends with " + what);
            }
            return;
        }
        RanFunction called = new RanFunction(function);
        (open.isEmpty() ? roots : open.peek().callees()).add(called);
        if (what.endsWith("{")) {
            open.push(called);
        }
    }
}
