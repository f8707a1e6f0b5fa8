package dev.plumbline.machine;

/// The guest ended, or its hypervisor did, while it was in use.
public final class GuestGoneException extends GuestException {
    private static final long serialVersionUID = 1L;

    /// @param message one line, without a full stop at its end
    public GuestGoneException(String message) {
        super(message);
    }

    /// @param message one line, without a full stop at its end
    /// @param cause what was caught
    public GuestGoneException(String message, Throwable cause) {
        super(message, cause);
    }
}
