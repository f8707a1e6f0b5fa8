package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;

/// The peer is there but did not answer in time.
final class NoAnswerException extends GuestException {
    private static final long serialVersionUID = 1L;

    NoAnswerException(String message) {
        super(message);
    }

    NoAnswerException(String message, Throwable cause) {
        super(message, cause);
    }
}
