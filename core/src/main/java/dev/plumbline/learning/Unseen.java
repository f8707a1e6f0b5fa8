package dev.plumbline.learning;

import java.util.Map;

/// Estimates, by method, of the probability that the next flow shows something that its context's model
/// does not hold yet.
///
/// This is Good and Turing's estimate for samples that are sets of items, by leaving one out: of the N
/// flows of a context that were learnt, M showed at least one item (function, edge or path) that none
/// of the other N - 1 flows has shown. Each of these M would have been news, had it come last; so the
/// share M/N estimates the probability that the next one is. What is given is (M + 1)/(N + 1): one more
/// flow that is news is assumed to be next, so that N flows never claim less than 1/(N + 1), and no
/// flows claim nothing (1). For several contexts it is the mean of theirs, weighted by how many flows
/// each had: contexts that were never seen are allowed for by those that were seen once.
///
/// (I. J. Good, The population frequencies of species and the estimation of population parameters,
/// Biometrika 40, 1953.) It takes flows for independent: a workload that changes is news that no
/// estimate foretells.
///
/// @param set for functions, 0 to 1
/// @param edge for edges, 0 to 1; never below that for functions
/// @param path for paths, 0 to 1; never below that for functions. A second place in a function that
///   calls what another place there called is a new edge and no new path
public record Unseen(double set, double edge, double path) {
    /// Nothing has been learnt.
    public static final Unseen EVERYTHING = new Unseen(1, 1, 1);

    /// The estimate of one method.
    public double of(Method method) {
        return switch (method) {
            case SET -> set;
            case EDGE -> edge;
            case PATH -> path;
        };
    }

    /// Whether the estimates of all methods are below a threshold.
    public boolean isBelow(double threshold) {
        return set < threshold && edge < threshold && path < threshold;
    }

    /// The estimates by the names of the methods in small letters.
    public Map<String, Double> byMethod() {
        return Map.of("set", set, "edge", edge, "path", path);
    }
}
