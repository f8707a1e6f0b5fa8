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

    /// The part of the flags that counts users in every layout: 25 bits at first, 19 since 6.4 (commit
    /// cbad0fb2d8d9 and those before it took bits for flags).
    private static final long USERS = (1L << 19) - 1;

    /// Whether the guest's own tracer uses this place, or is about to: the count goes up before the code is
    /// changed and down before it is changed back.
    public boolean isInUse() {
        return enabled() || (flags & USERS) != 0;
    }

    /// Whether the guest's own tracer has this place in use now.
    public boolean enabled() {
        return (flags & ENABLED) != 0;
    }

    /// Whether the kernel itself keeps off this place.
    public boolean disabled() {
        return (flags & DISABLED) != 0;
    }
}
