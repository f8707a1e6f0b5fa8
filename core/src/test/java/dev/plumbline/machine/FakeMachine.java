package dev.plumbline.machine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/// A machine made of byte arrays: records each call and fails the n-th on demand, so that logic can be tested before
/// any guest boots. RAM is given as ranges; code writes, data writes and pauses are capabilities like a driver's.
public final class FakeMachine implements Machine, PhysicalMemory, Registers, MemoryWriter, CodeWriter, Pausing {
    private final List<MemoryRange> ranges = new ArrayList<>();
    private final List<MemorySegment> contents = new ArrayList<>();
    private final List<VcpuRegisters> vcpus = new ArrayList<>();
    private final List<String> calls = new ArrayList<>();
    private long callsUntilFailure = Long.MAX_VALUE;
    private GuestException failure;
    private int pauses;

    /// Adds zeroed RAM; ranges must be added in ascending order.
    public FakeMachine ram(long start, int sizeBytes) {
        ranges.add(new MemoryRange(new PhysicalAddress(start), sizeBytes));
        contents.add(MemorySegment.ofArray(new byte[sizeBytes]));
        return this;
    }

    /// Adds a vCPU.
    public FakeMachine vcpu(VcpuRegisters registers) {
        vcpus.add(registers);
        return this;
    }

    /// Puts bytes into RAM without a call being recorded.
    public FakeMachine put(long address, byte... bytes) {
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, segmentAt(address, bytes.length), 0, bytes.length);
        return this;
    }

    /// Puts a little-endian 64-bit word into RAM without a call being recorded.
    public FakeMachine putLong(long address, long value) {
        segmentAt(address, 8).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, value);
        return this;
    }

    /// Makes the n-th call from now (1 is the next one), and every call after it, fail with `failure`.
    public FakeMachine failFrom(long n, GuestException failure) {
        this.callsUntilFailure = n;
        this.failure = failure;
        return this;
    }

    /// What was called, in order, e.g. `read 0x1000 8`.
    public List<String> calls() {
        return List.copyOf(calls);
    }

    @Override
    public String name() {
        return "fake:machine";
    }

    @Override
    public PhysicalMemory memory() {
        return this;
    }

    @Override
    public Registers registers() {
        return this;
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return kind.isInstance(this) ? Optional.of(kind.cast(this)) : Optional.empty();
    }

    @Override
    public List<MemoryRange> ranges() {
        return List.copyOf(ranges);
    }

    @Override
    public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
        record("read " + address + " " + destination.byteSize());
        destination.copyFrom(checkedSegment(address, destination.byteSize()));
    }

    @Override
    public void write(PhysicalAddress address, MemorySegment source) throws GuestException {
        record("write " + address + " " + source.byteSize());
        checkedSegment(address, source.byteSize()).copyFrom(source);
    }

    @Override
    public void writeCode(List<CodePatch> patches) throws GuestException {
        for (CodePatch patch : patches) {
            checkedSegment(patch.address(), patch.bytes().length);
        }
        for (CodePatch patch : patches) {
            record("writeCode " + patch.address() + " " + patch.bytes().length);
            put(patch.address().value(), patch.bytes());
        }
    }

    @Override
    public Pause pause() throws GuestException {
        record("pause");
        pauses++;
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.getAndSet(false)) {
                record("resume");
                pauses--;
            }
        };
    }

    @Override
    public boolean running() {
        return pauses == 0;
    }

    @Override
    public void resume() throws GuestException {
        record("resume");
        pauses = 0;
    }

    @Override
    public void leavePaused() throws GuestException {
        record("leave paused");
        pauses++;
    }

    @Override
    public int vcpuCount() {
        return vcpus.size();
    }

    @Override
    public VcpuRegisters read(int vcpu) throws GuestException {
        record("registers " + vcpu);
        return vcpus.get(vcpu);
    }

    @Override
    public void close() {
        calls.add("close");
    }

    private void record(String call) throws GuestException {
        calls.add(call);
        if (--callsUntilFailure <= 0) {
            throw failure;
        }
    }

    private MemorySegment segmentAt(long address, long size) {
        try {
            return checkedSegment(new PhysicalAddress(address), size);
        } catch (UnreadableMemoryException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private MemorySegment checkedSegment(PhysicalAddress address, long size) throws UnreadableMemoryException {
        for (int i = 0; i < ranges.size(); i++) {
            if (ranges.get(i).contains(address, size)) {
                return contents.get(i)
                        .asSlice(address.value() - ranges.get(i).start().value(), size);
            }
        }
        throw new UnreadableMemoryException("physical address " + address + " is not RAM");
    }
}
