package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.IndirectReach;
import dev.plumbline.kernel.SystemCall;
import java.util.Collection;
import java.util.List;

/// The values of `--functions`, spelt as they are typed.
enum TracedFunctions {
    all,
    reachable;

    /// @param calls all system calls of the kernel
    /// @param wanted those that were asked for
    FunctionSelection selection(CallGraph graph, List<SystemCall> calls, Collection<SystemCall> wanted) {
        return switch (this) {
            case all -> FunctionSelection.all(graph, calls);
            case reachable -> FunctionSelection.reachableFrom(graph, calls, wanted, IndirectReach.POINTERS);
        };
    }
}
