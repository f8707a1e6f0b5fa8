package dev.plumbline.guest;

import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// A machine that ends this process, as SIGKILL would, just before the n-th time that the guest is paused, let go,
/// written to or asked for registers.
final class HaltingMachine implements Machine {
    private final Machine machine;
    private final long last;
    private long count;

    /// @param last how many operations are let through; 0 for all
    HaltingMachine(Machine machine, long last) {
        this.machine = machine;
        this.last = last;
    }

    /// How many operations there were.
    long count() {
        return count;
    }

    private void operation() {
        if (count++ == last && last > 0) {
            Runtime.getRuntime().halt(137);
        }
    }

    @Override
    public String name() {
        return machine.name();
    }

    @Override
    public PhysicalMemory memory() {
        return machine.memory();
    }

    @Override
    public Registers registers() {
        Registers registers = machine.registers();
        return new Registers() {
            @Override
            public int vcpuCount() {
                return registers.vcpuCount();
            }

            @Override
            public VcpuRegisters read(int vcpu) throws GuestException {
                operation();
                return registers.read(vcpu);
            }
        };
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return machine.capability(kind).map(real -> kind.cast(halting(real)));
    }

    private Object halting(Object real) {
        return switch (real) {
            case Pausing pausing -> new HaltingPausing(pausing);
            case CodeWriter writer ->
                (CodeWriter) patches -> {
                    operation();
                    // In two halves, so that there is a moment between them.
                    int half = patches.size() / 2;
                    if (half > 0) {
                        write(writer, patches.subList(0, half));
                    }
                    write(writer, patches.subList(half, patches.size()));
                };
            case MemoryWriter writer ->
                (MemoryWriter) (PhysicalAddress address, MemorySegment source) -> {
                    operation();
                    writer.write(address, source);
                };
            default -> throw new IllegalArgumentException(real + " is no capability that changes a guest");
        };
    }

    private void write(CodeWriter writer, List<CodeWriter.CodePatch> patches) throws GuestException {
        operation();
        writer.writeCode(patches);
    }

    private final class HaltingPausing implements Pausing {
        private final Pausing pausing;

        HaltingPausing(Pausing pausing) {
            this.pausing = pausing;
        }

        @Override
        public Pause pause() throws GuestException {
            operation();
            Pause pause = pausing.pause();
            return () -> {
                operation();
                pause.close();
            };
        }

        @Override
        public boolean running() throws GuestException {
            return pausing.running();
        }

        @Override
        public void resume() throws GuestException {
            pausing.resume();
        }

        @Override
        public void leavePaused() throws GuestException {
            operation();
            pausing.leavePaused();
        }
    }

    @Override
    public void close() throws GuestException {
        machine.close();
    }
}
