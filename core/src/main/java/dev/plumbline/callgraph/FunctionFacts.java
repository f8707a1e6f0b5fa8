package dev.plumbline.callgraph;

/// What scanning finds out about each function, as parallel arrays indexed by function. Threads that scan different
/// functions may fill it together.
final class FunctionFacts {
    final int[] sizesBytes;
    final boolean[] flowsOn;
    final int[] edgeStarts;
    final int[] edgeEnds;
    final int[] indirectStarts;
    final int[] indirectEnds;

    FunctionFacts(int functions) {
        sizesBytes = new int[functions];
        flowsOn = new boolean[functions];
        edgeStarts = new int[functions];
        edgeEnds = new int[functions];
        indirectStarts = new int[functions];
        indirectEnds = new int[functions];
    }

    /// Moves the places of functions in the tables of a chunk to their places in the tables of all chunks.
    void shift(int firstFunction, int endFunction, int edges, int indirects) {
        for (int function = firstFunction; function < endFunction; function++) {
            edgeStarts[function] += edges;
            edgeEnds[function] += edges;
            indirectStarts[function] += indirects;
            indirectEnds[function] += indirects;
        }
    }
}
