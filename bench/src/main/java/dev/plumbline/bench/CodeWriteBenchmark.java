package dev.plumbline.bench;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.DirectWrites;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Writing a 5-byte instruction over the entry NOP of every traceable function of a paused guest that never runs again:
/// what it takes while the guest stands still. Each operation in a fresh JVM, as arming is.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 5,
        jvmArgsAppend = {"-XX:+UseSerialGC", "-Xms64m", "-Xmx192m"})
@Warmup(iterations = 0)
@Measurement(iterations = 1)
public class CodeWriteBenchmark {
    /// The Debian kernel.
    @Param({"6.1", "6.12"})
    public String kernel;

    private TestGuest guest;
    private QemuMachine machine;
    private DirectWrites writes;
    private long coreNanos;
    private final List<CodePatch> calls = new ArrayList<>();

    /// Made by JMH.
    public CodeWriteBenchmark() {}

    /// Boots the guest and pauses it for good.
    @Setup(Level.Trial)
    public void boot() throws GuestException {
        GuestOptions options =
                GuestOptions.DEFAULT.withKernel(GuestKernel.ofSeries(kernel).orElseThrow());
        guest = TestGuest.boot("bench-" + ProcessHandle.current().pid(), options);
        machine = QemuMachine.attach(guest.qmpSocket());
        LinuxKernel linux = LinuxKernel.open(machine);
        machine.capability(Pausing.class).orElseThrow().pause();
        for (long site : RecordedTrace.sites(linux)) {
            long physical = linux.addressSpace().physical(new VirtualAddress(site));
            calls.add(new CodePatch(new PhysicalAddress(physical), new byte[] {(byte) 0xe8, 1, 2, 3, 4}));
        }
        writes = new DirectWrites(machine, calls);
        coreNanos = -CoreTime.ofThread();
    }

    /// Ends the guest, and prints what this process computed.
    @TearDown(Level.Trial)
    public void end() throws GuestException {
        System.out.printf("%ncore time: %.1f ms%n", coreNanos / 1e6);
        machine.close();
        guest.close();
    }

    /// Straight to its memory, as under KVM.
    @Benchmark
    public void direct() throws GuestException {
        writes.write();
        coreNanos += CoreTime.ofThread();
    }

    /// Straight to its memory, one by one.
    @Benchmark
    public void directOneByOne() throws GuestException {
        MemoryWriter writer = machine.capability(MemoryWriter.class).orElseThrow();
        for (CodePatch call : calls) {
            writer.write(call.address(), MemorySegment.ofArray(call.bytes()));
        }
        coreNanos += CoreTime.ofThread();
    }

    /// Through the debug stub, as under TCG.
    @Benchmark
    public void throughStub() throws GuestException {
        machine.capability(CodeWriter.class).orElseThrow().writeCode(calls);
        coreNanos += CoreTime.ofThread();
    }
}
