package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.probe.WrittenCode;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/// What the inline engine needs of a guest, by virtual address: reading, writing code and data, pausing, registers.
final class GuestText {
    private final AddressSpace space;
    private final PhysicalMemory memory;
    private final CodeWriter codeWriter;
    private final MemoryWriter memoryWriter;
    private final Pausing pausing;
    private final Registers registers;
    private final WrittenCode written = new WrittenCode();

    /// @throws GuestException if the guest can only be read
    GuestText(LinuxKernel kernel) throws GuestException {
        Machine machine = kernel.machine();
        this.space = kernel.addressSpace();
        this.memory = machine.memory();
        this.codeWriter = need(machine, CodeWriter.class);
        this.memoryWriter = need(machine, MemoryWriter.class);
        this.pausing = need(machine, Pausing.class);
        this.registers = machine.registers();
    }

    private static <T> T need(Machine machine, Class<T> capability) throws GuestException {
        return machine.capability(capability)
                .orElseThrow(() -> new GuestException(
                        machine.name() + " can only be read: probes need a running guest, not a dump"));
    }

    Pausing pausing() {
        return pausing;
    }

    Registers registers() {
        return registers;
    }

    byte[] read(long address, int sizeBytes) throws GuestException {
        byte[] bytes = new byte[sizeBytes];
        space.read(new VirtualAddress(address), MemorySegment.ofArray(bytes));
        return bytes;
    }

    long readLong(long address) throws GuestException {
        return ByteBuffer.wrap(read(address, Long.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
    }

    byte[] readPhysical(PhysicalAddress address, int sizeBytes) throws GuestException {
        byte[] bytes = new byte[sizeBytes];
        memory.read(address, MemorySegment.ofArray(bytes));
        return bytes;
    }

    PhysicalAddress physical(long address) throws GuestException {
        return new PhysicalAddress(space.physical(new VirtualAddress(address)));
    }

    /// A patch of bytes that all lie in one page.
    CodePatch patch(long address, byte[] bytes) throws GuestException {
        return new CodePatch(physical(address), bytes);
    }

    void writeCode(List<CodePatch> patches) throws GuestException {
        codeWriter.writeCode(patches);
        patches.forEach(patch -> written.wroteCode(patch.address(), patch.bytes()));
    }

    /// What was written so far.
    WrittenCode written() {
        return written;
    }

    /// Writes data, all in one page or in pages that are one behind the other in physical memory too. Guest code sees
    /// it at once.
    void writeData(long address, byte[] bytes) throws GuestException {
        writePhysical(physical(address), bytes);
    }

    void writePhysical(PhysicalAddress address, byte[] bytes) throws GuestException {
        memoryWriter.write(address, MemorySegment.ofArray(bytes));
        written.wroteData(address, bytes.length);
    }
}
