package dev.plumbline.machine;

/// An address was followed that leads to no memory: unmapped, or outside the guest's RAM.
public final class UnreadableMemoryException extends GuestException {
    private static final long serialVersionUID = 1L;

    /// @param message one line that names the address
    public UnreadableMemoryException(String message) {
        super(message);
    }
}
