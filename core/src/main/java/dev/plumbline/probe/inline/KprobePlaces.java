package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.Optional;

/// Where kprobes are registered, and what they hold copies of: the instruction they stand on, and each that begins in
/// the 5 bytes which a jump takes when the kprobe is optimised (`arch_prepare_optimized_kprobe`).
///
/// A kprobe takes its copies when it is registered, and runs them and puts their first bytes back whenever it is armed
/// and disarmed. So what it has copied must stay as it is, be it ours or the kernel's, until the kprobe has gone.
///
/// @param addresses ascending
record KprobePlaces(long[] addresses) {
    private static final String LOCK = "kprobe_mutex";
    private static final int JUMP_BYTES = 5;

    /// Those of a guest; none if one is being registered just now, whose copies may have been taken already. It holds
    /// for as long as the guest stays paused.
    ///
    /// @throws GuestException if the guest cannot be read
    static Optional<KprobePlaces> read(LinuxKernel kernel, GuestText text) throws GuestException {
        Optional<GuestMutex> lock = GuestMutex.find(kernel, text, LOCK);
        boolean isRegistering = lock.isPresent() && !lock.get().isFree();
        return isRegistering ? Optional.empty() : Optional.of(new KprobePlaces(kernel.kprobes()));
    }

    /// Whether a kprobe may hold a copy of an instruction.
    ///
    /// @param address where the instruction stands
    /// @param lengthBytes its length
    boolean mayCopy(long address, int lengthBytes) {
        int place = Arrays.binarySearch(addresses, address - JUMP_BYTES + 1);
        int next = place < 0 ? -place - 1 : place;
        return next < addresses.length && addresses[next] < address + lengthBytes;
    }
}
