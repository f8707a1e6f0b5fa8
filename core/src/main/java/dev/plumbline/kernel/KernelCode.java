package dev.plumbline.kernel;

import java.util.List;

/// All executable code of a kernel as it is in memory now, with what is known of it: the input of static analysis.
///
/// @param regions the kernel's text and each module's, ascending by address, without overlaps
/// @param symbols all symbols, data among them
/// @param patchPlaces where the kernel legally changes its own code
public record KernelCode(List<CodeRegion> regions, SymbolTable symbols, PatchPlaces patchPlaces) {}
