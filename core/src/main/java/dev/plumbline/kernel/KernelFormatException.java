package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;

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

    /// What made no sense in a guest to the end, with the guest's name and, unless it says so itself, what to do.
    KernelFormatException(Machine machine, GuestException fault) {
        super("cannot read the kernel of " + machine.name() + ": " + fault.getMessage() + advice(fault), fault);
    }

    private static String advice(GuestException fault) {
        return fault.getMessage().contains("; ")
                ? ""
                : "; run the command again, and if this stays, its memory is damaged or was tampered with";
    }
}
