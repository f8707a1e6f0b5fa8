package dev.plumbline.kernel;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;

/// The kernel's virtual memory, read in typed pieces. For one thread at a time.
final class KernelMemory {
    /// More than any single table of a kernel; a larger length is garbage, not a length.
    static final int LARGEST_BLOCK_BYTES = 64 << 20;

    private final AddressSpace space;
    private final ReadBudget budget;
    private final byte[] word = new byte[8];
    private final Block wordBlock = new Block("memory", 0, word);

    KernelMemory(AddressSpace space, ReadBudget budget) {
        this.space = space;
        this.budget = budget;
    }

    AddressSpace space() {
        return space;
    }

    /// Copies `[address, address + sizeBytes)`.
    ///
    /// @param what what is read, for messages
    Block block(String what, long address, long sizeBytes) throws GuestException {
        if (sizeBytes < 0 || sizeBytes > LARGEST_BLOCK_BYTES) {
            throw new KernelFormatException(what, address, sizeBytes + " bytes is no credible length");
        }
        byte[] bytes = new byte[(int) sizeBytes];
        read(address, MemorySegment.ofArray(bytes));
        return new Block(what, address, bytes);
    }

    /// Copies `[start, end)`.
    Block between(String what, long start, long end) throws GuestException {
        return block(what, start, end - start);
    }

    void read(long address, MemorySegment destination) throws GuestException {
        budget.spend(address, destination.byteSize());
        space.read(new VirtualAddress(address), destination);
    }

    long s64(long address) throws GuestException {
        return number(address, 8).s64(0);
    }

    int s32(long address) throws GuestException {
        return number(address, 4).s32(0);
    }

    /// A NUL-terminated text of at most `limitBytes`; it is cut there.
    String text(String what, long address, int limitBytes) throws GuestException {
        int done = 0;
        StringBuilder text = new StringBuilder();
        while (done < limitBytes) {
            int inPage = (int) (4096 - ((address + done) & 4095));
            int piece = Math.min(inPage, limitBytes - done);
            String part = block(what, address + done, piece).text(0, piece);
            text.append(part);
            if (part.length() < piece) {
                break;
            }
            done += piece;
        }
        return text.toString();
    }

    private Block number(long address, int sizeBytes) throws GuestException {
        read(address, MemorySegment.ofArray(word).asSlice(0, sizeBytes));
        return wordBlock;
    }
}
