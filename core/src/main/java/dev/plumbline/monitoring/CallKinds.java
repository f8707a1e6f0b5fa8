package dev.plumbline.monitoring;

import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/// What kinds of functions calls through pointers can reach, by the types that the kernel's own type information gives
/// functions: a pointer that led to functions of one type leads to no others, as long as the kernel is as it was built.
///
/// @param prototypes by a function's name, the numbers of its types, as [dev.plumbline.kernel.Btf#prototypes] has them
public record CallKinds(Map<String, Set<Integer>> prototypes) {

    /// How a function goes together with those that a pointer was seen to lead to.
    public enum Match {
        /// Of the type of one of them.
        SAME,
        /// Of no type of theirs.
        OTHER,
        /// The type of the function, or those of all the others, is not known: code in assembler has none.
        UNKNOWN
    }

    /// Compares types.
    ///
    /// @param function as [dev.plumbline.extraction.FlowNames#function] names it
    /// @param others those that were seen
    public Match match(String function, Collection<String> others) {
        Set<Integer> own = of(function);
        boolean isAnyKnown = false;
        for (String other : others) {
            Set<Integer> types = of(other);
            isAnyKnown |= !types.isEmpty();
            if (!Collections.disjoint(own, types)) {
                return Match.SAME;
            }
        }
        return own.isEmpty() || !isAnyKnown ? Match.UNKNOWN : Match.OTHER;
    }

    // Compilers add suffixes to names of functions that they have made variants of.
    private Set<Integer> of(String function) {
        Set<Integer> types = prototypes.get(function);
        int dot = function.indexOf('.');
        if (types == null && dot > 0) {
            types = prototypes.get(function.substring(0, dot));
        }
        return types == null ? Set.of() : types;
    }
}
