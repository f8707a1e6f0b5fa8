package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The places where a kernel changes its own code, other than kprobes: those in its tables, its trampolines of static
/// calls, and the calls in the function tracer's own entry code.
final class PatchablePlaces {
    private static final int BYTES = 5;
    // arch/x86/kernel/ftrace_64.S
    private static final List<String> TRACER_CALLS = List.of("ftrace_call", "ftrace_regs_call", "ftrace_graph_call");

    private final TreeMap<Long, Kind> kinds = new TreeMap<>();

    PatchablePlaces(LinuxKernel kernel, CallGraph graph) {
        PatchPlaces places = graph.patchPlaces();
        for (Function function : graph.functions()) {
            if (function.isStaticCallTrampoline()) {
                kinds.put(function.address(), Kind.STATIC_CALL);
            }
        }
        add(places.staticCallSites(), Kind.STATIC_CALL);
        add(places.staticKeySites(), Kind.STATIC_KEY);
        add(places.ftraceSites(), Kind.FTRACE);
        SymbolTable symbols = kernel.coreSymbols();
        for (String name : TRACER_CALLS) {
            symbols.find(name).ifPresent(symbol -> kinds.put(symbols.address(symbol), Kind.TRACER));
        }
    }

    private void add(long[] sites, Kind kind) {
        for (long site : sites) {
            kinds.put(site, kind);
        }
    }

    /// What a place is for.
    enum Kind {
        /// an entry of the function tracer
        FTRACE,
        /// a static key's NOP or jump
        STATIC_KEY,
        /// a static call, or the trampoline of one
        STATIC_CALL,
        /// where the function tracer's entry code calls on
        TRACER
    }

    /// A place.
    ///
    /// @param address where it begins
    /// @param kind what for
    record Place(long address, Kind kind) {}

    /// The place whose 5 bytes, at most, an address lies in.
    Optional<Place> at(long address) {
        Map.Entry<Long, Kind> entry = kinds.floorEntry(address);
        return entry != null && address - entry.getKey() < BYTES
                ? Optional.of(new Place(entry.getKey(), entry.getValue()))
                : Optional.empty();
    }

    /// The places of the function tracer.
    List<Long> tracerSites() {
        return kinds.entrySet().stream()
                .filter(entry -> entry.getValue() == Kind.FTRACE)
                .map(Map.Entry::getKey)
                .toList();
    }
}
