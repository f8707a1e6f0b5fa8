package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads `mod_tree`, by which the kernel finds the module of an address (kernel/module/tree_lookup.c): a latched
/// red-black tree, two trees of the same nodes, of which one is whole at any time. Each piece of a module's memory has
/// a `struct mod_tree_node` that names its `struct module`.
final class ModuleTreeReader {
    private static final int MOST_NODES = 100_000;
    /// `struct rb_node`: the parent with its colour, then the children.
    private static final int RIGHT_AT = 8;

    private static final int LEFT_AT = 16;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;

    ModuleTreeReader(KernelMemory memory, KernelSymbols symbols, Btf btf) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
    }

    List<KernelModule> unlisted(ModuleReader reader) throws GuestException {
        Set<Long> modules = modules();
        modules.removeAll(reader.addresses());
        List<KernelModule> unlisted = new ArrayList<>();
        for (long module : modules) {
            unlisted.add(reader.read(module));
        }
        return unlisted;
    }

    // Addresses of `struct module`. None where the kernel has no such tree: all that unwind or trace have it.
    private Set<Long> modules() throws GuestException {
        Set<Long> modules = new HashSet<>();
        var tree = symbols.find("mod_tree");
        if (tree.isEmpty()) {
            return modules;
        }
        StructLayout node = btf.struct("mod_tree_node");
        Set<Long> seen = new HashSet<>();
        Deque<Long> waiting = new ArrayDeque<>();
        waiting.add(memory.s64(tree.getAsLong() + btf.struct("mod_tree_root").offset("root.tree")));
        while (!waiting.isEmpty()) {
            long at = waiting.remove();
            if (at == 0) {
                continue;
            }
            if (seen.size() == MOST_NODES || !seen.add(at)) {
                throw new KernelFormatException("mod_tree", tree.getAsLong(), "a tree that does not end");
            }
            modules.add(memory.s64(at - node.offset("node") + node.offset("mod")));
            waiting.add(memory.s64(at + RIGHT_AT));
            waiting.add(memory.s64(at + LEFT_AT));
        }
        return modules;
    }
}
