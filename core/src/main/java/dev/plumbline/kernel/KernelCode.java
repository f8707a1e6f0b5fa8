package dev.plumbline.kernel;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// All executable code of a kernel as it is in memory now, with what is known of it: the input of static analysis.
///
/// @param regions the kernel's text and each module's, ascending by address, without overlaps
/// @param symbols all symbols, data among them
/// @param patchPlaces where the kernel legally changes its own code
public record KernelCode(List<CodeRegion> regions, SymbolTable symbols, PatchPlaces patchPlaces) {
    private static final int EXPECTED_MODULE_SYMBOLS = 8192;

    /// The kernel's own code as it is here, with these modules and no others. Symbols of generated code are left out.
    /// Reads no guest.
    ///
    /// @param core the kernel's own symbols
    /// @throws KernelFormatException if the code of two of them overlaps: one has gone since it was read
    public KernelCode withModules(SymbolTable core, List<ModuleCode> modules) throws KernelFormatException {
        List<CodeRegion> before =
                regions.stream().filter(region -> region.owner() != null).toList();
        List<CodeRegion> now = new ArrayList<>(regions);
        now.removeAll(before);
        SymbolTableBuilder all = SymbolTableBuilder.startingWith(core, EXPECTED_MODULE_SYMBOLS);
        PatchPlaces places = ModuleCode.join(
                patchPlaces,
                address -> before.stream().noneMatch(region -> region.contains(address)),
                PatchPlaces.NONE);
        for (ModuleCode module : modules) {
            now.add(module.region());
            module.addSymbols(all);
            places = ModuleCode.join(places, _ -> true, module.patchPlaces());
        }
        now.sort(Comparator.comparing(CodeRegion::baseAddress, Long::compareUnsigned));
        for (int i = 1; i < now.size(); i++) {
            if (now.get(i - 1).contains(now.get(i).baseAddress())) {
                throw new KernelFormatException(
                        "list of modules", now.get(i).baseAddress(), "two modules claim this code");
            }
        }
        return new KernelCode(List.copyOf(now), all.build(), places);
    }
}
