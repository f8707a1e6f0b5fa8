package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Copies executable memory: the kernel's text from `_text` to `_etext`, and each module's.
final class CodeReader {
    /// All code together; several times that of any kernel, and small enough to be copied.
    private static final long MOST_CODE_BYTES = 128L << 20;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private long bytesLeft = MOST_CODE_BYTES;

    CodeReader(KernelMemory memory, KernelSymbols symbols) {
        this.memory = memory;
        this.symbols = symbols;
    }

    List<CodeRegion> regions(List<KernelModule> modules) throws GuestException {
        List<CodeRegion> regions = new ArrayList<>();
        long text = symbols.address("_text");
        regions.add(read(null, text, symbols.address("_etext") - text));
        for (KernelModule module : modules) {
            if (module.textSizeBytes() != 0) {
                regions.add(region(module));
            }
        }
        regions.sort(Comparator.comparing(CodeRegion::baseAddress, Long::compareUnsigned));
        for (int i = 1; i < regions.size(); i++) {
            if (regions.get(i - 1).contains(regions.get(i).baseAddress())) {
                throw new KernelFormatException(
                        "list of modules", regions.get(i).baseAddress(), "two modules claim this code");
            }
        }
        return regions;
    }

    /// One module's code.
    CodeRegion region(KernelModule module) throws GuestException {
        return read(module.name(), module.base(), module.textSizeBytes());
    }

    // Native memory that the collector frees: it is handed to a native decoder and must not count against the heap.
    private CodeRegion read(String owner, long base, long sizeBytes) throws GuestException {
        if (sizeBytes <= 0 || sizeBytes > bytesLeft || base >= -sizeBytes) {
            throw new KernelFormatException(
                    owner == null ? "kernel text" : "code of module " + owner, base, sizeBytes + " bytes of code");
        }
        bytesLeft -= sizeBytes;
        MemorySegment bytes = Arena.ofAuto().allocate(sizeBytes, 16);
        memory.read(base, bytes);
        return new CodeRegion(owner, base, bytes.asReadOnly());
    }
}
