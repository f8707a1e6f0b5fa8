package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.IndirectReach;
import dev.plumbline.kernel.SystemCall;
import java.util.List;

/// The values of `--functions`, spelt as they are typed.
enum TracedFunctions {
    all,
    reachable,
    direct;

    /// @param wanted the system calls to start from, for all but `all`
    FunctionSelection of(CallGraph graph, List<SystemCall> calls, List<SystemCall> wanted) {
        return switch (this) {
            case all -> FunctionSelection.all(graph, calls);
            case reachable -> FunctionSelection.reachableFrom(graph, calls, wanted, IndirectReach.POINTERS);
            case direct -> FunctionSelection.reachableFrom(graph, calls, wanted, IndirectReach.SEEN);
        };
    }
}
