package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// The guest does not run a Linux kernel now: another system, firmware, a boot loader, or a kernel not yet unpacked.
public final class NotLinuxException extends GuestException {
    private static final long serialVersionUID = 1L;

    /// @param message one line, without a full stop at its end
    public NotLinuxException(String message) {
        super(message);
    }
}
