package dev.plumbline.probe.inline;

import dev.plumbline.kernel.KernelImage;
import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Room for code of ours: the longest run of `0xCC` bytes in the executable pages of the kernel image. Sections of
/// kernel
/// text start on 2 MiB boundaries, and the linker fills the gaps with breakpoints that no code leads to.
///
/// @param address virtual address of the first byte that may be used, a multiple of 64
/// @param sizeBytes how many may be used
record CodeCave(long address, long sizeBytes) {
    static final byte FILLER = (byte) 0xcc;
    private static final int PIECE_BYTES = 1 << 20;
    /// Padding between functions is shorter; what is left at both ends keeps a fault of the code before visible.
    private static final int MARGIN_BYTES = 64;

    /// @throws GuestException if guest memory cannot be read, or there is no run of `neededBytes`
    static CodeCave find(AddressSpace space, KernelImage image, long neededBytes) throws GuestException {
        CodeCave best = new CodeCave(0, 0);
        long run = 0;
        byte[] piece = new byte[PIECE_BYTES];
        for (long at = image.virtualBase(); at < image.endAddress(); at += PIECE_BYTES) {
            int size = (int) Math.min(PIECE_BYTES, image.endAddress() - at);
            int executable = executableBytes(space, at, size);
            if (executable > 0) {
                space.read(new VirtualAddress(at), MemorySegment.ofArray(piece).asSlice(0, executable));
            }
            Arrays.fill(piece, executable, size, (byte) 0);
            for (int i = 0; i < size; i++) {
                run = piece[i] == FILLER ? run + 1 : 0;
                if (run > best.sizeBytes()) {
                    best = new CodeCave(at + i + 1 - run, run);
                }
            }
        }
        CodeCave usable = best.withMargins();
        if (usable.sizeBytes() < neededBytes) {
            throw new GuestException("the kernel's text has no unused run of " + neededBytes
                    + " bytes for the recorder; inline probes cannot be used on it");
        }
        return usable;
    }

    private CodeCave withMargins() {
        long start = (address + 2L * MARGIN_BYTES - 1) & -MARGIN_BYTES;
        return new CodeCave(start, Math.max(0, address + sizeBytes - MARGIN_BYTES - start));
    }

    // How many bytes from `start` on are mapped, executable and not writable.
    private static int executableBytes(AddressSpace space, long start, int size) throws GuestException {
        int done = 0;
        while (done < size
                && space.translate(new VirtualAddress(start + done)) instanceof Translation.Mapped mapped
                && mapped.executable()) {
            long pageBytes = mapped.pageSizeBytes();
            done += (int) Math.min(size - done, pageBytes - (start + done & pageBytes - 1));
        }
        return done;
    }
}
