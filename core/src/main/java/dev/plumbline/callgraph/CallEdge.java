package dev.plumbline.callgraph;

import dev.plumbline.kernel.PatchPlaces;
import java.util.Optional;

/// A direct call, or a direct jump that leaves its function.
///
/// @param siteAddress virtual address of the instruction
/// @param source the function it stands in, or [CallGraph#NONE] for code before the first symbol of its region
/// @param targetAddress virtual address it goes to
/// @param target the function the target lies in, or [CallGraph#NONE] if it lies in no known function
/// @param targetOffsetBytes how far behind the target function's first byte it goes; 0 without a target function
/// @param kind how control is passed
/// @param patched who owns the instruction, if the kernel legally changes it
public record CallEdge(
        long siteAddress,
        int source,
        long targetAddress,
        int target,
        long targetOffsetBytes,
        EdgeKind kind,
        Optional<PatchPlaces.Kind> patched) {

    /// Whether the target is in known code.
    public boolean isResolved() {
        return target != CallGraph.NONE;
    }

    /// Whether the function's own source code makes this edge: the function tracer's call at its entry is not.
    public boolean isOwn() {
        return patched.isEmpty() || patched.get() != PatchPlaces.Kind.FTRACE;
    }
}
