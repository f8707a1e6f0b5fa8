package dev.plumbline.bench;

import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.GuestShell;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import dev.plumbline.testbed.XenOptions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What Plumbline costs on an emulated Xen: starting in dom0, the inline engine beside the same in a guest of QEMU, and
/// hits of a breakpoint.
public final class Xen implements AutoCloseable {
    private static final String PROGRAM = "PLUMBLINE_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 /opt/plumbline ";
    private static final String JAVA =
            "env LD_LIBRARY_PATH=/opt/lib /opt/java/bin/java @/opt/java.options -XX:TieredStopAtLevel=1 ";
    private static final List<String> MODES = List.of("full", "edge");
    private static final String LOOP = "syscall-loop 4s";
    private static final Pattern MICROS = Pattern.compile("iterations ([0-9.]+) microseconds");
    private static final String FUNCTION = "__x64_sys_getppid";
    /// In 6.12 branches are tracked, and the NOP stands behind an endbr64.
    private static final int ENDBR_BYTES = 4;

    private static final int WARM_UP = 6000;
    private static final int HITS = 4000;
    private static final int HOST_MIB = 2304;
    private static final int DOM0_MIB = 1280;

    private final String plumbline;
    private final int rounds;
    private final XenHost host;
    private final XenDomain older;
    private final XenDomain newer;
    private final TestGuest qemu;

    private Xen(Path distribution, String plumbline, int rounds) throws IOException {
        this.plumbline = plumbline;
        this.rounds = rounds;
        long self = ProcessHandle.current().pid();
        host = XenHost.boot(
                "bench-xen-" + self,
                XenOptions.DEFAULT
                        .withMemoryMib(HOST_MIB, DOM0_MIB)
                        .withContent(distribution)
                        .withBreakpoints(true));
        // Else dom0 waits for its share of the processors while the domains are busy.
        host.dom0().execChecked("xl sched-credit2 -d Domain-0 -w 4096");
        older = host.start("older", DomainOptions.DEFAULT.withKernel(GuestKernel.V6_1));
        newer = host.start(
                "newer", DomainOptions.DEFAULT.withKernel(GuestKernel.V6_12).withCpus(2));
        qemu = TestGuest.boot("bench-" + self, GuestOptions.DEFAULT.withKernel(GuestKernel.V6_1));
    }

    /// Prints tables.
    ///
    /// @param arguments what `scripts/dom0` makes, the launcher, how many rounds medians are of
    public static void main(String[] arguments) throws Exception {
        try (Xen xen = new Xen(Path.of(arguments[0]), arguments[1], Integer.parseInt(arguments[2]))) {
            xen.starts();
            xen.inline();
            xen.breakpoints();
        }
    }

    private void starts() throws IOException {
        System.out.println("| a command in dom0, kernel 6.1 | s | of a bare JVM |");
        System.out.println("|---|---|---|");
        double bare = start(JAVA + "-version");
        printStart("`java -version` of the same runtime", bare, bare);
        printStart("`plumbline --version`", start("/opt/plumbline --version"), bare);
        printStart("`plumbline vms`, three domains", start("/opt/plumbline vms"), bare);
        printStart("`plumbline detach`, nothing to do", start("/opt/plumbline detach xen:older"), bare);
        printStart("`plumbline inspect`", start("/opt/plumbline inspect xen:older"), bare);
        System.out.println();
    }

    private static void printStart(String what, double seconds, double bare) {
        System.out.printf("| %s | %.1f | %.1f |%n", what, seconds, seconds / bare);
    }

    private double start(String command) throws IOException {
        List<Double> seconds = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            long start = System.nanoTime();
            host.dom0().execChecked(command);
            seconds.add((System.nanoTime() - start) / 1e9);
        }
        return Tracing.median(seconds);
    }

    private void inline() throws IOException, InterruptedException {
        System.out.println("| inline engine, kernel 6.1, 1 vCPU | probes set after, s, once | loop, µs | ratio |");
        System.out.println("|---|---|---|---|");
        double inDomain = loop(older);
        double inGuest = loop(qemu);
        System.out.printf("| a domain, no probes | | %.0f | 1 |%n", inDomain);
        for (String mode : MODES) {
            Traced traced = traceDomain(mode);
            System.out.printf(
                    "| a domain, %s | %.1f | %.0f | %.1f |%n",
                    mode, traced.seconds(), traced.loop(), traced.loop() / inDomain);
        }
        System.out.printf("| a guest of QEMU, no probes | | %.0f | 1 |%n", inGuest);
        for (String mode : MODES) {
            Traced traced = traceGuest(mode);
            System.out.printf(
                    "| a guest of QEMU, %s | %.1f | %.0f | %.1f |%n",
                    mode, traced.seconds(), traced.loop(), traced.loop() / inGuest);
        }
        System.out.println();
    }

    /// @param seconds from the start of the command until its probes are set
    /// @param loop microseconds of an iteration then
    private record Traced(double seconds, double loop) {}

    private Traced traceDomain(String mode) throws IOException, InterruptedException {
        long start = System.nanoTime();
        try (RunningCommand trace = host.dom0()
                .start("echo $$; exec env " + PROGRAM
                        + "trace xen:older --comm nobody --format jsonl -o /dev/null --mode " + mode)) {
            await(trace, "tracing");
            double seconds = (System.nanoTime() - start) / 1e9;
            double loop = loop(older);
            host.dom0().execChecked("kill -TERM " + trace.stdoutSoFar().strip());
            ExecResult ended = trace.await();
            if (!ended.stderrText().contains("every probe is out")) {
                throw new IOException("trace in dom0 ended: " + ended.stderrText());
            }
            return new Traced(seconds, loop);
        }
    }

    private Traced traceGuest(String mode) throws IOException, InterruptedException {
        long start = System.nanoTime();
        try (TraceRun trace = new TraceRun(plumbline, qemu.name(), List.of("--mode", mode))) {
            double seconds = (System.nanoTime() - start) / 1e9;
            double loop = loop(qemu);
            trace.end();
            return new Traced(seconds, loop);
        }
    }

    private double loop(GuestShell shell) throws IOException {
        List<Double> micros = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            micros.addAll(micros(shell.execChecked(LOOP)));
        }
        return Tracing.median(micros);
    }

    private void breakpoints() throws IOException, InterruptedException {
        System.out.println("| a breakpoint | the monitor | hits/s | a hit, µs | a call without it, µs |");
        System.out.println("|---|---|---|---|---|");
        for (boolean polls : new boolean[] {true, false}) {
            printHits("6.1, 1 vCPU", older, 0, 1, polls);
            printHits("6.12, both of 2 vCPUs", newer, ENDBR_BYTES, 2, polls);
        }
    }

    private void printHits(String what, XenDomain domain, int offset, int vcpus, boolean polls)
            throws IOException, InterruptedException {
        double without = callMicros(domain, vcpus);
        try (RunningCommand run = breakpointLoop(domain, offset, WARM_UP + rounds * HITS, polls)) {
            callMicros(domain, vcpus, WARM_UP);
            double with = callMicros(domain, vcpus);
            ExecResult ended = run.await();
            if (ended.status() != 0) {
                throw new IOException("the program in dom0 ended: " + ended.stderrText());
            }
            System.out.printf(
                    "| %s | %s | %,.0f | %,.0f | %.0f |%n",
                    what,
                    polls ? "looks for the next hit itself" : "has itself woken",
                    1e6 / with,
                    with - without,
                    without);
        }
    }

    private double callMicros(XenDomain domain, int vcpus) throws IOException {
        List<Double> micros = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            micros.add(callMicros(domain, vcpus, HITS));
        }
        return Tracing.median(micros);
    }

    // As many loops at once as there are vCPUs; it is over when the slowest is.
    private static double callMicros(XenDomain domain, int vcpus, int calls) throws IOException {
        String loops = "for i in $(seq 2 %1$d); do syscall-loop %2$d & done; syscall-loop %2$d; wait";
        return Collections.max(micros(domain.execChecked(loops.formatted(vcpus, calls / vcpus)))) / vcpus;
    }

    private RunningCommand breakpointLoop(XenDomain domain, int offset, int hits, boolean polls)
            throws IOException, InterruptedException {
        String name = "/" + BreakpointLoop.class.getName().replace('.', '/') + ".class";
        try (InputStream bytes = BreakpointLoop.class.getResourceAsStream(name)) {
            ExecResult put = host.dom0()
                    .exec("f=/tmp/bench%s; mkdir -p $(dirname $f); cat > $f".formatted(name), bytes.readAllBytes());
            if (put.status() != 0) {
                throw new IOException("dom0 does not take " + name + ": " + put.stderrText());
            }
        }
        String address = domain.execChecked("grep ' %s$' /proc/kallsyms".formatted(FUNCTION))
                .split(" ")[0];
        String loop = "-XX:AOTCache=/opt/lib/plumbline.aot %s -cp /opt/lib/plumbline.jar:/tmp/bench" + " %s %s %x %d";
        RunningCommand run = host.dom0()
                .start(JAVA
                        + loop.formatted(
                                polls ? "" : "-Dplumbline.xen.spin=0",
                                BreakpointLoop.class.getName(),
                                domain.name(),
                                Long.parseUnsignedLong(address, 16) + offset,
                                hits));
        await(run, "set");
        return run;
    }

    private static void await(RunningCommand command, String text) throws IOException, InterruptedException {
        while (!command.stderrSoFar().contains(text)) {
            if (!command.running() && !command.stderrSoFar().contains(text)) {
                throw new IOException("a command in dom0 ended: " + command.stderrSoFar());
            }
            Thread.sleep(20);
        }
    }

    private static List<Double> micros(String said) {
        List<Double> micros = new ArrayList<>();
        for (Matcher line = MICROS.matcher(said); line.find(); ) {
            micros.add(Double.valueOf(line.group(1)));
        }
        return micros;
    }

    @Override
    public void close() throws IOException {
        try (host) {
            qemu.close();
        }
    }
}
