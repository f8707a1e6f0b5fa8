package dev.plumbline.probe.trap;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.x86.DataMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A kernel's memory for instructions that are run in a vCPU's place: what the kernel's own page tables map, the same
/// for all tasks.
final class GuestData implements DataMemory {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int PAGE_BYTES = 4096;

    private final AddressSpace space;
    private final MemoryWriter writer;
    private final MemorySegment word = MemorySegment.ofArray(new byte[Long.BYTES]);

    GuestData(LinuxKernel kernel) throws GuestException {
        this.space = kernel.addressSpace();
        this.writer = kernel.machine()
                .capability(MemoryWriter.class)
                .orElseThrow(() -> new GuestException(kernel.machine().name() + " cannot be written to"));
    }

    @Override
    public long read(long address, int bytes) throws GuestException {
        word.fill((byte) 0);
        space.read(new VirtualAddress(address), word.asSlice(0, bytes));
        return word.get(WORD, 0);
    }

    @Override
    public void write(long address, int bytes, long value) throws GuestException {
        if ((address & (PAGE_BYTES - 1)) + bytes > PAGE_BYTES) {
            throw new UnreadableMemoryException("0x%x is not written to: it lies in two pages".formatted(address));
        }
        if (!(space.translate(new VirtualAddress(address)) instanceof Translation.Mapped mapped)
                || !mapped.writable()) {
            throw new UnreadableMemoryException("0x%x cannot be written to".formatted(address));
        }
        word.set(WORD, 0, value);
        writer.write(mapped.address(), word.asSlice(0, bytes));
    }

    /// The guest has run since, and may have mapped other memory.
    void forget() {
        space.forgetTranslations();
    }

    /// Code, at most so much, and no more than its page holds.
    byte[] code(long address, int most) throws GuestException {
        int bytes = Math.min(most, PAGE_BYTES - (int) (address & (PAGE_BYTES - 1)));
        byte[] code = new byte[bytes];
        space.read(new VirtualAddress(address), MemorySegment.ofArray(code));
        return code;
    }
}
