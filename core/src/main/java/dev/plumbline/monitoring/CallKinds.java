package dev.plumbline.monitoring;

import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;

/// What kinds of functions calls through pointers can reach, by the types that the kernel's own type information gives
/// functions: a pointer that led to functions of one type leads to no others, as long as the kernel is as it was built.
final class CallKinds {
    private final EdgeComparison.Types types;

    CallKinds(EdgeComparison.Types types) {
        this.types = types;
    }

    /// How a function goes together with those that a pointer was seen to lead to.
    enum Match {
        /// Of the type of one of them.
        SAME,
        /// Of no type of theirs.
        OTHER,
        /// The type of the function, or those of all the others, is not known: code in assembler has none, and modules
        /// that were built without type information.
        UNKNOWN
    }

    /// Compares types.
    ///
    /// @param function as [dev.plumbline.extraction.FlowNames#function] names it
    /// @param others those that were seen
    Match match(String function, Collection<String> others) {
        Set<Integer> own = of(function);
        boolean isAnyKnown = false;
        for (String other : others) {
            Set<Integer> theirs = of(other);
            isAnyKnown |= !theirs.isEmpty();
            if (!Collections.disjoint(own, theirs)) {
                return Match.SAME;
            }
        }
        return own.isEmpty() || !isAnyKnown ? Match.UNKNOWN : Match.OTHER;
    }

    // Compilers add suffixes to names of functions that they have made variants of.
    private Set<Integer> of(String name) {
        Optional<String> module = LearntCalls.module(name);
        String function = module.isEmpty() ? name : name.substring(0, name.indexOf(" ["));
        Set<Integer> known = types.of(function, module);
        int dot = function.indexOf('.');
        return known.isEmpty() && dot > 0 ? types.of(function.substring(0, dot), module) : known;
    }
}
