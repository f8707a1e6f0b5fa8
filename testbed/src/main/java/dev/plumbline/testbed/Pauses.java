package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;

/// Waiting a little.
final class Pauses {
    private Pauses() {}

    /// @throws GuestException if the thread is interrupted; it stays marked so
    static void millis(long millis) throws GuestException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted while waiting for a test guest", e);
        }
    }
}
