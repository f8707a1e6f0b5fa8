package dev.plumbline.guest;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A machine that keeps the registers it was asked for.
///
/// @param machine the real one
/// @param seen all registers read so far
record WatchedMachine(Machine machine, List<VcpuRegisters> seen) implements Machine {
    WatchedMachine(Machine machine) {
        this(machine, new ArrayList<>());
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
                VcpuRegisters read = registers.read(vcpu);
                seen.add(read);
                return read;
            }
        };
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
