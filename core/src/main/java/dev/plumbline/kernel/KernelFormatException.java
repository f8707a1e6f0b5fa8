package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// Guest memory does not hold what a Linux kernel keeps there: corrupted, tampered with, changed while it was read,
/// or of a layout not known yet.
public final class KernelFormatException extends GuestException {
    private static final long serialVersionUID = 1L;

    /// @param what the structure that was read, e.g. `kallsyms`
    /// @param address where the fault was seen, as a guest-virtual address
    /// @param problem what is wrong there
    public KernelFormatException(String what, long address, String problem) {
        super("%s at 0x%x: %s".formatted(what, address, problem));
    }

    /// @param message one line, without a full stop at its end
    public KernelFormatException(String message) {
        super(message);
    }
}
