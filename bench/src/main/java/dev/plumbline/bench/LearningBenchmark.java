package dev.plumbline.bench;

import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.learning.Learner;
import dev.plumbline.machine.GuestException;
import java.util.concurrent.TimeUnit;
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

/// What learning adds to making flows, on one thread and the recorded rings of [FlowBenchmark]:
/// `events` of each way, divided by its `coreShare`, compare. The rings were recorded in pieces, so
/// that more flows are new to a learner than in a trace without gaps.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"-XX:+UseSerialGC", "-Xms64m", "-Xmx768m", "-XX:MaxDirectMemorySize=1g"})
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 9, time = 2)
public class LearningBenchmark {
    private static final KernelIdentity IDENTITY = new KernelIdentity("recorded", "recorded", "recorded");

    /// The Debian kernel.
    @Param({"6.1", "6.12"})
    public String kernel;

    /// Of the guest.
    @Param({"1", "2"})
    public int cpus;

    private RecordedTrace trace;
    private Learner knowing;

    /// Made by JMH.
    public LearningBenchmark() {}

    /// Records the rings.
    @Setup(Level.Trial)
    public void record() throws GuestException {
        trace = RecordedTrace.of(kernel, cpus);
        knowing = new Learner(IDENTITY);
        trace.replay(knowing);
        Learner.Progress known = knowing.progress();
        System.err.printf(
                "learnt %,d flows: %,d functions, %,d edges, %,d paths%n",
                known.flows(), known.functions(), known.edges(), known.paths());
    }

    /// Flows alone.
    @Benchmark
    public long flowsOnly(FlowBenchmark.Counters counters) throws GuestException {
        return counters.replay(trace, _ -> {});
    }

    /// A model of what was recorded, from nothing.
    @Benchmark
    public long learningAnew(FlowBenchmark.Counters counters) throws GuestException {
        Learner learner = new Learner(IDENTITY);
        counters.replay(trace, learner);
        return learner.progress().flows();
    }

    /// The same by a learner that has seen it all before.
    @Benchmark
    public long learningOn(FlowBenchmark.Counters counters) throws GuestException {
        return counters.replay(trace, knowing);
    }
}
