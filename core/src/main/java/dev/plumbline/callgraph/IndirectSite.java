package dev.plumbline.callgraph;

import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.x86.BranchOperand;
import java.util.Optional;

/// A call or jump whose target is known only when it runs.
///
/// @param siteAddress virtual address of the instruction
/// @param source the function it stands in, or [CallGraph#NONE] for code before the first symbol of its region
/// @param isCall whether it is a call; else a jump
/// @param operand where the target comes from
/// @param viaThunk whether it is a direct branch to the retpoline thunk of the register `operand`; then it is a
/// [CallEdge] as well
/// @param patched who owns the instruction, if the kernel legally changes it
public record IndirectSite(
        long siteAddress,
        int source,
        boolean isCall,
        BranchOperand operand,
        boolean viaThunk,
        Optional<PatchPlaces.Kind> patched) {}
