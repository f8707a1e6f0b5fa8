package dev.plumbline.kernel;

import dev.plumbline.kernel.ModuleTypesReader.Source;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// The types of the kernel's functions, and of those of modules that were built with type information, as numbers:
/// equal
/// where a pointer to one function can lead to the other. For one thread.
public final class FunctionTypes {
    private final Reading reading;
    private final TypeNumbers numbers = new TypeNumbers();
    private final Map<String, Set<Integer>> kernel;
    private final Map<String, Module> modules = new HashMap<>();

    /// How modules' types are read.
    interface Reading {
        List<Source> sources() throws GuestException;

        Btf read(Source source) throws GuestException;
    }

    private record Module(Source source, Map<String, Set<Integer>> functions) {}

    FunctionTypes(Btf core, Reading reading) throws KernelFormatException {
        this.reading = reading;
        this.kernel = numbers.ofKernel(core);
    }

    /// Reads the types of modules that have come, and forgets those of modules that have gone. A module whose types
    /// make
    /// no sense has none.
    ///
    /// @return what makes no sense, a line each
    /// @throws GuestException if guest memory cannot be read, or the list of modules makes no sense
    public List<String> look() throws GuestException {
        List<Source> now = reading.sources();
        modules.keySet().retainAll(now.stream().map(Source::module).collect(Collectors.toSet()));
        List<String> problems = new ArrayList<>();
        for (Source source : now) {
            Module known = modules.get(source.module());
            if (known == null || !known.source().equals(source)) {
                modules.put(source.module(), read(source, problems));
            }
        }
        return problems;
    }

    private Module read(Source source, List<String> problems) throws GuestException {
        try {
            return new Module(source, numbers.ofModule(reading.read(source)));
        } catch (KernelFormatException | UnreadableMemoryException e) {
            problems.add(
                    "types of functions of module %s are not known, so that calls of them through pointers are judged"
                                    .formatted(source.module())
                            + " without: " + e.getMessage());
            return new Module(source, Map.of());
        }
    }

    /// The types of the functions of one name, which several static functions may share; empty if none is known.
    ///
    /// @param module whose it is; empty for the kernel itself
    public Set<Integer> of(String function, Optional<String> module) {
        Module of = module.map(modules::get).orElse(null);
        Map<String, Set<Integer>> functions = module.isEmpty() ? kernel : of == null ? Map.of() : of.functions();
        return functions.getOrDefault(function, Set.of());
    }
}
