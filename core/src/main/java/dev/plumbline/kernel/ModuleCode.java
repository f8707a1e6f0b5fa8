package dev.plumbline.kernel;

import java.util.Arrays;
import java.util.function.LongPredicate;

/// One module's code as it was in memory when it was read, with what is known of it. Immutable.
///
/// @param module the module
/// @param region its code
/// @param symbols its symbols, and no others
/// @param patchPlaces where the kernel legally changes its code
public record ModuleCode(KernelModule module, CodeRegion region, SymbolTable symbols, PatchPlaces patchPlaces) {

    /// Adds the symbols to those of others.
    void addSymbols(SymbolTableBuilder all) {
        all.owner(module.name());
        for (int symbol = 0; symbol < symbols.size(); symbol++) {
            all.add(symbols.address(symbol), symbols.type(symbol), symbols.name(symbol));
        }
    }

    /// The places of both; of the first only those that a condition holds for.
    static PatchPlaces join(PatchPlaces some, LongPredicate which, PatchPlaces others) {
        return new PatchPlaces(
                join(some.ftraceSites(), which, others.ftraceSites()),
                join(some.staticKeySites(), which, others.staticKeySites()),
                join(some.staticCallSites(), which, others.staticCallSites()),
                join(some.kprobeSites(), which, others.kprobeSites()));
    }

    private static long[] join(long[] some, LongPredicate which, long[] others) {
        long[] kept = Arrays.stream(some).filter(which).toArray();
        long[] joined = Arrays.copyOf(kept, kept.length + others.length);
        System.arraycopy(others, 0, joined, kept.length, others.length);
        Arrays.sort(joined);
        return joined;
    }
}
