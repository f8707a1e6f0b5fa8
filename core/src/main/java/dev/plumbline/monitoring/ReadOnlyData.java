package dev.plumbline.monitoring;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The kernel's read-only data, `__start_rodata` to `__end_rodata`: once the kernel has booted nothing in it changes.
/// Tables of pointers to functions are most of what is worth changing there.
final class ReadOnlyData {
    private static final int WORD_BYTES = 8;
    private static final long MOST_BYTES = 128L << 20;

    private final LinuxKernel kernel;
    private final KernelPlaces places;
    private final Optional<WatchedMemory> memory;
    private final Map<Long, Long> built = new HashMap<>();

    /// @throws GuestException if it cannot be read
    ReadOnlyData(LinuxKernel kernel, KernelPlaces places) throws GuestException {
        this.kernel = kernel;
        this.places = places;
        SymbolTable symbols = kernel.coreSymbols();
        var start = symbols.find("__start_rodata");
        var end = symbols.find("__end_rodata");
        if (start.isEmpty() || end.isEmpty()) {
            memory = Optional.empty();
            return;
        }
        long first = symbols.address(start.getAsInt());
        long bytes = symbols.address(end.getAsInt()) - first;
        if (bytes < 0 || bytes > MOST_BYTES) {
            throw new GuestException("the read-only data of %s at 0x%x is said to have %,d bytes"
                    .formatted(kernel.machine().name(), first, bytes));
        }
        memory = Optional.of(new WatchedMemory(first, read(first, (int) bytes)));
    }

    private byte[] read(long address, int sizeBytes) throws GuestException {
        byte[] bytes = new byte[sizeBytes];
        kernel.addressSpace().read(new VirtualAddress(address), MemorySegment.ofArray(bytes));
        return bytes;
    }

    void look(Alert.Sink sink) throws GuestException {
        if (memory.isPresent()) {
            memory.get().look(kernel.addressSpace(), address -> changed(memory.get(), address, sink));
        }
    }

    private int changed(WatchedMemory data, long address, Alert.Sink sink) throws GuestException {
        long at = address & -WORD_BYTES;
        if (at < data.start() || at + WORD_BYTES > data.end()) {
            return WORD_BYTES;
        }
        long before = word(data.seen(at, WORD_BYTES));
        byte[] bytes = read(at, WORD_BYTES);
        long now = word(bytes);
        data.accept(at, bytes);
        long original = built.computeIfAbsent(at, _ -> before);
        if (now == original) {
            built.remove(at);
        } else {
            sink.alert(alert(at, original, now));
        }
        return (int) (at + WORD_BYTES - address);
    }

    private Alert alert(long at, long original, long now) throws GuestException {
        String place = places.dataName(at);
        Optional<String> hooked = places.function(original);
        String title = hooked.isPresent()
                ? "the pointer to %s at %s was changed: it leads to %s".formatted(hooked.get(), place, places.name(now))
                : "read-only data at %s was changed".formatted(place);
        return new Alert(
                Severity.CRITICAL,
                Detector.INTEGRITY,
                title,
                hooked.orElse(place),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                List.of(new Evidence("8 bytes at " + place, text(original), text(now))));
    }

    private String text(long word) throws GuestException {
        return places.owner(word) == KernelPlaces.Owner.NOBODY
                ? "0x%x".formatted(word)
                : "0x%x, %s".formatted(word, places.name(word));
    }

    private static long word(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }
}
