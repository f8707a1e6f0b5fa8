package dev.plumbline.machine.dump;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/// A guest as it was when QEMU dumped it to an ELF core file: memory and registers, nothing else.
///
/// For one thread at a time.
public final class DumpMachine implements Machine {
    private final DumpFile file;
    private final DumpMemory memory;
    private final DumpRegisters registers;

    private DumpMachine(DumpFile file, ElfCore core) {
        this.file = file;
        this.memory = new DumpMemory(file, core.loads());
        this.registers = new DumpRegisters(core.vcpus());
    }

    /// Opens a file that QMP's `dump-guest-memory` wrote, with `paging` false and no `format`.
    ///
    /// @throws GuestException if it is no such file, is damaged, or may not be read
    public static DumpMachine open(Path path) throws GuestException {
        DumpFile file = DumpFile.open(path);
        try {
            return new DumpMachine(file, ElfCore.read(file));
        } catch (GuestException e) {
            file.close();
            throw e;
        }
    }

    /// `dump:FILE`.
    @Override
    public String name() {
        return "dump:" + file;
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public Registers registers() {
        return registers;
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return Optional.empty();
    }

    @Override
    public void close() throws GuestException {
        file.close();
    }

    private record DumpRegisters(List<VcpuRegisters> vcpus) implements Registers {
        @Override
        public int vcpuCount() {
            return vcpus.size();
        }

        @Override
        public VcpuRegisters read(int vcpu) {
            return vcpus.get(Objects.checkIndex(vcpu, vcpus.size()));
        }
    }

    private record DumpMemory(DumpFile file, List<ElfCore.Load> loads) implements PhysicalMemory {
        @Override
        public List<MemoryRange> ranges() {
            return loads.stream().map(ElfCore.Load::range).toList();
        }

        @Override
        public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
            for (ElfCore.Load load : loads) {
                if (load.range().contains(address, destination.byteSize())) {
                    long offset = address.value() - load.range().start().value();
                    file.read(load.fileOffset() + offset, destination);
                    return;
                }
            }
            throw new UnreadableMemoryException(
                    "physical address " + address + " (" + destination.byteSize() + " bytes) is not in dump " + file);
        }
    }
}
