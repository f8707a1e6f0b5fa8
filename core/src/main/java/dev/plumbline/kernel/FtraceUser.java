package dev.plumbline.kernel;

import java.util.List;

/// Somebody who uses the kernel's function tracer: a `struct ftrace_ops` that is registered.
///
/// @param address where that lies
/// @param function what is called at the entries, a virtual address
/// @param sites the entries it asked for, virtual addresses of their ftrace records; none if it asked for all
/// @param moreSites whether it asked for more than are listed
public record FtraceUser(long address, long function, List<Long> sites, boolean moreSites) {

    /// Makes the list immutable.
    public FtraceUser {
        sites = List.copyOf(sites);
    }
}
