package dev.plumbline.kernel;

/// A place where the kernel's function tracer can attach: `struct dyn_ftrace`.
///
/// @param address where the patchable instruction lies: the function's entry, or the byte behind its endbr64
/// @param flags the record's flags as the kernel keeps them: the low bits count its users
public record FtraceRecord(long address, long flags) {
    /// `FTRACE_FL_ENABLED`: the place holds a call, not a NOP.
    private static final long ENABLED = 1L << 31;
    /// `FTRACE_FL_DISABLED`: code of a function that was overridden at link time or has failed; the kernel lists
    /// the place but never traces it.
    private static final long DISABLED = 1L << 25;

    /// Whether the guest's own tracer has this place in use now.
    public boolean enabled() {
        return (flags & ENABLED) != 0;
    }

    /// Whether the kernel itself keeps off this place.
    public boolean disabled() {
        return (flags & DISABLED) != 0;
    }
}
