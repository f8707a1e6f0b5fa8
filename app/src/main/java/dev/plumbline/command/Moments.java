package dev.plumbline.command;

import dev.plumbline.machine.GuestException;

/// Waiting.
final class Moments {
    private Moments() {}

    /// Waits so long.
    static void pass(long millis) throws GuestException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted", e);
        }
    }
}
