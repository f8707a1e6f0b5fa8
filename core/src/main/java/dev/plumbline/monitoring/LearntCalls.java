package dev.plumbline.monitoring;

import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.LearntEdge;
import dev.plumbline.learning.Model;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// What a model knows whatever the context. Immutable.
final class LearntCalls {
    private final Map<String, Set<String>> targets = new HashMap<>();
    private final Set<String> modules;
    private final Set<Context> contexts = new HashSet<>();

    LearntCalls(Model model) {
        modules = model.modules();
        for (ContextModel context : model.contexts().values()) {
            contexts.add(context.context());
            for (LearntEdge edge : context.edges()) {
                if (edge.isIndirect()) {
                    targets.computeIfAbsent(edge.site(), _ -> new TreeSet<>()).add(edge.function());
                }
            }
        }
    }

    /// The functions that a place was seen to call through a pointer; empty if it never did.
    Set<String> targets(String site) {
        return targets.getOrDefault(site, Set.of());
    }

    /// Whether a module was loaded while learning.
    boolean hasModule(String module) {
        return modules.contains(module);
    }

    /// Whether anything was learnt of a context.
    boolean hasContext(Context context) {
        return contexts.contains(context);
    }

    /// The module that a name of [dev.plumbline.extraction.FlowNames] ends with; none for the kernel itself.
    static Optional<String> module(String name) {
        int bracket = name.indexOf(" [");
        return bracket < 0 || !name.endsWith("]")
                ? Optional.empty()
                : Optional.of(name.substring(bracket + 2, name.length() - 1));
    }
}
