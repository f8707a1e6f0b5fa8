package dev.plumbline.x86.zydis;

import dev.plumbline.machine.GuestException;

/// Zydis is not installed on the monitor host, or not in a version that is understood.
public final class ZydisUnavailableException extends GuestException {
    private static final long serialVersionUID = 1L;

    /// @param message one line, which names the package to install
    public ZydisUnavailableException(String message) {
        super(message);
    }
}
