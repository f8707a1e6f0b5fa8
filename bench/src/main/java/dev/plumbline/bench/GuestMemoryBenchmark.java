package dev.plumbline.bench;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/// Reading the RAM of a guest that has booted, from its QEMU process and from a shared back end. One operation of
/// `bulk` reads 64 MiB from where the kernel was unpacked, one of `word` 8 bytes.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class GuestMemoryBenchmark {
    private static final long BULK_BYTES = 64L << 20;
    private static final long START = 16L << 20;

    /// `process`: /proc/PID/mem; `shared`: the back end is a shared memory file.
    @Param({"process", "shared"})
    public String source;

    private TestGuest guest;
    private QemuMachine machine;
    private MemorySegment bulk;
    private MemorySegment word;

    /// Made by JMH.
    public GuestMemoryBenchmark() {}

    /// Boots the guest.
    @Setup(Level.Trial)
    public void boot() throws GuestException {
        GuestOptions options = GuestOptions.DEFAULT;
        if (source.equals("shared")) {
            options = options.withExtraQemuArguments(
                    "-object", "memory-backend-memfd,id=ram,size=512M,share=on", "-machine", "memory-backend=ram");
        }
        guest = TestGuest.boot("bench-" + ProcessHandle.current().pid(), options);
        machine = QemuMachine.attach(guest.qmpSocket());
        bulk = Arena.global().allocate(BULK_BYTES);
        word = Arena.global().allocate(8);
        MemoryRange ram = machine.memory().ranges().getLast();
        if (!ram.contains(new PhysicalAddress(START), BULK_BYTES)) {
            throw new IllegalStateException(
                    "guest RAM is laid out as " + machine.memory().ranges());
        }
    }

    /// Ends the guest.
    @TearDown(Level.Trial)
    public void end() throws GuestException {
        machine.close();
        guest.close();
    }

    /// 64 MiB in one call.
    @Benchmark
    public MemorySegment bulk() throws GuestException {
        machine.memory().read(new PhysicalAddress(START), bulk);
        return bulk;
    }

    /// 8 bytes.
    @Benchmark
    public MemorySegment word() throws GuestException {
        machine.memory().read(new PhysicalAddress(START), word);
        return word;
    }
}
