package dev.plumbline.machine.qemu;

import java.time.Duration;

/// The moment by which an answer must have come.
///
/// @param atNanos on the clock of [System#nanoTime()]
record Deadline(long atNanos) {

    static Deadline after(Duration wait) {
        return new Deadline(System.nanoTime() + wait.toNanos());
    }

    boolean passed() {
        return remainingNanos() <= 0;
    }

    /// At least 1, so that it can be handed to calls for which 0 means forever.
    long remainingMillis() {
        return Math.max(1, remainingNanos() / 1_000_000);
    }

    private long remainingNanos() {
        return atNanos - System.nanoTime();
    }
}
