package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.concurrent.TimeUnit;

/// Reads structures that a running guest may change in the middle of the reading: what makes no sense is read
/// again, a few times and not for long.
final class Consistently {
    private static final int ATTEMPTS = 20;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private Consistently() {}

    /// A piece of reading that can be started over.
    interface Reading<T> {
        T read() throws GuestException;
    }

    /// Reads until it makes sense. Page tables are looked up anew each time: the guest changes them, too.
    ///
    /// @throws GuestException what the last attempt met
    static <T> T read(KernelMemory memory, Reading<T> reading) throws GuestException {
        long start = System.nanoTime();
        for (int attempt = 1; ; attempt++) {
            memory.space().forgetTranslations();
            try {
                return reading.read();
            } catch (KernelFormatException | UnreadableMemoryException e) {
                if (attempt == ATTEMPTS || System.nanoTime() - start > PATIENCE_NANOS) {
                    throw e;
                }
            }
        }
    }
}
