package dev.plumbline.guest;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A machine of whose memory some bytes are read as others than they are; the guest keeps its own.
///
/// @param machine the real one
/// @param patches what is read instead
record PatchedMachine(Machine machine, List<Patch> patches) implements Machine, PhysicalMemory {
    PatchedMachine(Machine machine) {
        this(machine, new ArrayList<>());
    }

    /// Bytes from a guest-physical address on.
    record Patch(long address, byte[] bytes) {
        private void apply(long start, MemorySegment read) {
            long from = Math.max(start, address);
            long to = Math.min(start + read.byteSize(), address + bytes.length);
            if (from < to) {
                MemorySegment.copy(MemorySegment.ofArray(bytes), from - address, read, from - start, to - from);
            }
        }
    }

    @Override
    public List<MemoryRange> ranges() {
        return machine.memory().ranges();
    }

    @Override
    public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
        machine.memory().read(address, destination);
        patches.forEach(patch -> patch.apply(address.value(), destination));
    }

    @Override
    public String name() {
        return machine.name();
    }

    @Override
    public PhysicalMemory memory() {
        return this;
    }

    @Override
    public Registers registers() {
        return machine.registers();
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return Optional.empty();
    }

    @Override
    public void close() throws GuestException {
        machine.close();
    }
}
