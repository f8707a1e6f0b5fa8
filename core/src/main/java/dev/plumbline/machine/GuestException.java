package dev.plumbline.machine;

import java.io.IOException;

/// A fault that concerns the guest, said in one line: what failed, on what, and what to do.
/// What is merely to be expected, such as an unmapped page, is a result and no exception.
public class GuestException extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param message one line, without a full stop at its end
    public GuestException(String message) {
        super(message);
    }

    /// @param message one line, without a full stop at its end
    /// @param cause what was caught; its message is not part of this one's
    public GuestException(String message, Throwable cause) {
        super(message, cause);
    }
}
