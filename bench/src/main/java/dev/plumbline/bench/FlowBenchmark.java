package dev.plumbline.bench;

import dev.plumbline.extraction.FlowSink;
import dev.plumbline.machine.GuestException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// From rings to flows, on one thread: rings recorded of a guest that ran the fixed loop of system calls and the stress
/// run with probes at all sites. `events` is how many a second become flows; `coreShare` is the share of a core that
/// the thread had meanwhile, less than 1 where the machine is busy with other things.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"-XX:+UseSerialGC", "-Xms64m", "-Xmx192m", "-XX:MaxDirectMemorySize=1g"})
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 9, time = 2)
public class FlowBenchmark {
    /// The Debian kernel.
    @Param({"6.1", "6.12"})
    public String kernel;

    /// Of the guest.
    @Param({"1", "2"})
    public int cpus;

    private RecordedTrace trace;

    /// Made by JMH.
    public FlowBenchmark() {}

    /// What is counted beside operations, each a second.
    @AuxCounters
    @State(Scope.Thread)
    public static class Counters {
        private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

        /// Events that became flows.
        public long events;
        /// Calls in those flows.
        public long calls;
        /// Seconds of a core.
        public double coreShare;

        /// Made by JMH.
        public Counters() {}

        /// Makes flows of all that was recorded, and counts.
        ///
        /// @return how many events there were
        long replay(RecordedTrace trace, FlowSink sink) throws GuestException {
            long start = THREADS.getCurrentThreadCpuTime();
            long replayed = trace.replay(flow -> {
                calls += flow.callCount();
                sink.flow(flow);
            });
            events += replayed;
            coreShare += (THREADS.getCurrentThreadCpuTime() - start) / 1e9;
            return replayed;
        }
    }

    /// Records the rings.
    @Setup(Level.Trial)
    public void record() throws GuestException {
        trace = RecordedTrace.of(kernel, cpus);
    }

    /// All that was recorded.
    @Benchmark
    public long ringsToFlows(Counters counters) throws GuestException {
        long events = counters.replay(trace, _ -> {});
        if (events != trace.events()) {
            throw new IllegalStateException(events + " events, recorded were " + trace.events());
        }
        return events;
    }
}
