package dev.plumbline.bench;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.proc.ProcessMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What was read of a guest's memory, in order, so that it can be read again when the guest is gone. Kept outside the
/// heap. For one thread.
final class ReadLog {
    private static final long PIECE_BYTES = 32L << 20;

    private final Arena arena = Arena.ofAuto();
    private final List<MemorySegment> reads = new ArrayList<>();
    private MemorySegment piece = MemorySegment.NULL;
    private long used;

    /// Whether reads are kept now.
    boolean isOn;

    private void add(MemorySegment bytes) {
        if (piece.byteSize() - used < bytes.byteSize()) {
            piece = arena.allocate(Math.max(PIECE_BYTES, bytes.byteSize()), 64);
            used = 0;
        }
        MemorySegment copy = piece.asSlice(used, bytes.byteSize()).copyFrom(bytes);
        used += bytes.byteSize() + 63 & -64L;
        reads.add(copy);
    }

    /// The same machine, with its reads kept while [#isOn].
    Machine recording(Machine machine) {
        return new RecordingMachine(machine, this);
    }

    /// The memory as it was read, for one time: the same reads in the same order.
    Replay replay() throws GuestException {
        return new Replay(reads);
    }

    private record RecordingMachine(Machine machine, ReadLog log) implements Machine {
        @Override
        public String name() {
            return machine.name();
        }

        @Override
        public PhysicalMemory memory() {
            return new RecordingMemory(machine.memory(), log);
        }

        @Override
        public Registers registers() {
            return machine.registers();
        }

        @Override
        public <T> Optional<T> capability(Class<T> kind) {
            return machine.capability(kind);
        }

        @Override
        public void close() throws GuestException {
            machine.close();
        }
    }

    private record RecordingMemory(PhysicalMemory memory, ReadLog log) implements PhysicalMemory {
        @Override
        public List<MemoryRange> ranges() {
            return memory.ranges();
        }

        @Override
        public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
            memory.read(address, destination);
            if (log.isOn) {
                log.add(destination);
            }
        }
    }

    /// Reads what was recorded from this process, the way a guest's memory is read from QEMU's.
    static final class Replay implements PhysicalMemory, AutoCloseable {
        private final List<MemorySegment> reads;
        private final ProcessMemory process =
                ProcessMemory.open(ProcessHandle.current().pid());
        private int next;

        private Replay(List<MemorySegment> reads) throws GuestException {
            this.reads = reads;
        }

        @Override
        public List<MemoryRange> ranges() {
            return List.of();
        }

        @Override
        public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
            MemorySegment read = reads.get(next++);
            if (read.byteSize() != destination.byteSize()) {
                throw new IllegalStateException("read " + next + " was of " + read.byteSize() + " bytes when recorded");
            }
            process.read(read.address(), destination);
        }

        @Override
        public void close() throws GuestException {
            process.close();
        }
    }
}
