package dev.plumbline.guest;

import dev.plumbline.callgraph.CallGraph;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// One name for each function, whichever of its names a tracer prints.
final class CommonNames {
    private final Map<String, String> names = new HashMap<>();

    CommonNames(CallGraph graph) {
        for (int function = 0; function < graph.functionCount(); function++) {
            List<String> all = graph.names(function);
            all.forEach(name -> names.putIfAbsent(name, all.getFirst()));
        }
    }

    RanFunction in(RanFunction function) {
        return new RanFunction(
                names.getOrDefault(function.name(), function.name()),
                function.callees().stream().map(this::in).toList());
    }
}
