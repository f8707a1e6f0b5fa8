package dev.plumbline.learning;

/// How much a model may hold of a guest that may do anything. What there is no room for is counted.
///
/// @param contexts contexts, at most 1024
/// @param names names of functions and places, at most 2^21
/// @param functions functions, summed over contexts
/// @param edges edges, summed over contexts
/// @param paths nodes of calling context trees, summed over contexts
public record ModelLimits(int contexts, int names, int functions, int edges, int paths) {
    static final int MOST_CONTEXTS = 1 << 10;
    static final int MOST_MODULES = 1 << 14;
    static final int MOST_NAMES = 1 << 21;
    static final int MOST_ITEMS = (1 << 23) - 1;

    /// Several times what a busy guest shows in hours; some 300 MB where a guest does its worst.
    public static final ModelLimits DEFAULT = new ModelLimits(MOST_CONTEXTS, 1 << 19, 1 << 19, 1 << 20, (1 << 21) - 1);

    /// @throws IllegalArgumentException if a limit is not positive, or more than the tables can count
    public ModelLimits {
        boolean isPositive = contexts > 0 && names > 0 && functions > 0 && edges > 0 && paths > 0;
        boolean fits = contexts <= MOST_CONTEXTS
                && names <= MOST_NAMES
                && Math.max(functions, Math.max(edges, paths)) <= MOST_ITEMS;
        if (!isPositive || !fits) {
            throw new IllegalArgumentException("limits out of range");
        }
    }

    int of(Method method) {
        return switch (method) {
            case SET -> functions;
            case EDGE -> edges;
            case PATH -> paths;
        };
    }
}
