package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/// A `struct mutex` of the guest's kernel.
///
/// @param owner where the word is that names who holds it
record GuestMutex(GuestText text, PhysicalAddress owner) {
    /// The owner word has flags in its low bits.
    private static final long TASK = -8L;

    /// The mutex of that name, if the kernel has one.
    ///
    /// @throws GuestException if the guest cannot be read
    static Optional<GuestMutex> find(LinuxKernel kernel, GuestText text, String name) throws GuestException {
        SymbolTable symbols = kernel.coreSymbols();
        var symbol = symbols.find(name);
        if (symbol.isEmpty()) {
            return Optional.empty();
        }
        // In kernels with PREEMPT_RT a mutex is an rt_mutex.
        var mutex = kernel.types().struct("mutex");
        long offset = mutex.offset(mutex.has("owner") ? "owner" : "rtmutex.owner");
        return Optional.of(new GuestMutex(text, text.physical(symbols.address(symbol.getAsInt()) + offset)));
    }

    /// Whether nobody holds it. What it says of a running guest may be over already.
    boolean isFree() throws GuestException {
        ByteBuffer word = ByteBuffer.wrap(text.readPhysical(owner, Long.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        return (word.getLong() & TASK) == 0;
    }
}
