package dev.plumbline.bench;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
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

/// Building the call graph of a whole kernel on one thread, warm. The text is read from a guest that is gone before the
/// measurement begins.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class CallGraphBenchmark {
    /// The Debian kernel.
    @Param({"6.1", "6.12"})
    public String kernel;

    private KernelCode code;

    /// Made by JMH.
    public CallGraphBenchmark() {}

    /// Reads the text.
    @Setup(Level.Trial)
    public void read() throws GuestException {
        GuestOptions options =
                GuestOptions.DEFAULT.withKernel(GuestKernel.ofSeries(kernel).orElseThrow());
        try (TestGuest guest = TestGuest.boot("bench-" + ProcessHandle.current().pid(), options);
                Machine machine = QemuMachine.attach(guest.qmpSocket())) {
            code = LinuxKernel.open(machine).code();
        }
    }

    /// The whole graph.
    @Benchmark
    public CallGraph whole() throws GuestException {
        return CallGraph.of(code, 1);
    }
}
