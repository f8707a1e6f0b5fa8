package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// A machine with one range of RAM at 0, which a test may change between two reads.
public final class RamMachine implements Machine, PhysicalMemory, Registers {
    private byte[] ram;
    private List<VcpuRegisters> vcpus;
    private long reads;
    private long changeAt = -1;
    private Runnable change;

    RamMachine(byte[] ram, List<VcpuRegisters> vcpus) {
        this.ram = ram;
        this.vcpus = vcpus;
    }

    byte[] ram() {
        return ram;
    }

    long reads() {
        return reads;
    }

    /// Becomes another machine, as a guest that has booted again does.
    void become(RamMachine other) {
        ram = other.ram.clone();
        vcpus = other.vcpus;
    }

    RamMachine vcpus(List<VcpuRegisters> others) {
        vcpus = others;
        return this;
    }

    /// Does `something` once, before the n-th read from now; 1 is the next one.
    void beforeRead(long n, Runnable something) {
        changeAt = reads + n;
        change = something;
    }

    @Override
    public String name() {
        return "fake:linux";
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
        return Optional.empty();
    }

    @Override
    public List<MemoryRange> ranges() {
        return List.of(new MemoryRange(new PhysicalAddress(0), ram.length));
    }

    @Override
    public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
        if (++reads == changeAt) {
            change.run();
        }
        if (!ranges().getFirst().contains(address, destination.byteSize())) {
            throw new UnreadableMemoryException("physical address " + address + " is not RAM");
        }
        MemorySegment.copy(MemorySegment.ofArray(ram), address.value(), destination, 0, destination.byteSize());
    }

    @Override
    public int vcpuCount() {
        return vcpus.size();
    }

    @Override
    public VcpuRegisters read(int vcpu) {
        return vcpus.get(vcpu);
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
