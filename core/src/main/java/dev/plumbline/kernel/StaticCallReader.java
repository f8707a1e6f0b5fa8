package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Reads where static calls are to lead: each place names a `struct static_call_key`, whose `func` the kernel changes
/// before it changes the places (kernel/static_call_inline.c). A call's trampoline `__SCT__NAME` goes with the key
/// `__SCK__NAME` (include/linux/static_call_types.h).
final class StaticCallReader {
    /// `struct static_call_site`: s32 address and s32 key, each relative to itself.
    private static final int SITE_BYTES = 8;

    private static final int KEY_AT = 4;
    /// The two lowest bits of a key's address are flags. Tables of modules may begin anywhere.
    private static final long KEY_MASK = ~3L;

    private static final int MOST_SITES = 500_000;
    private static final String TRAMPOLINE = "__SCT__";
    private static final String KEY = "__SCK__";

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final long functionAt;
    private final Map<Long, Long> keys = new HashMap<>();

    StaticCallReader(KernelMemory memory, KernelSymbols symbols, Btf btf) throws KernelFormatException {
        this.memory = memory;
        this.symbols = symbols;
        this.functionAt = btf.struct("static_call_key").offset("func");
    }

    /// By the address of each place and trampoline, the function it is to lead to; 0 for none. Places whose key cannot
    /// be
    /// read are left out.
    ///
    /// @param all the kernel's symbols and the modules'
    Map<Long, Long> functions(SymbolTable all, ModuleReader reader, List<KernelModule> modules) throws GuestException {
        var start = symbols.find("__start_static_call_sites");
        var stop = symbols.find("__stop_static_call_sites");
        if (start.isPresent() && stop.isPresent()) {
            long sites = (stop.getAsLong() - start.getAsLong()) / SITE_BYTES;
            addSites("__start_static_call_sites", start.getAsLong(), sites);
        }
        for (KernelModule module : modules) {
            int sites = reader.number(module, "num_static_call_sites");
            if (sites != 0) {
                String what = "static_call_sites of module " + module.name();
                addSites(what, reader.pointer(module, "static_call_sites"), sites);
            }
        }
        addTrampolines(all);
        return functions();
    }

    private void addSites(String what, long start, long sites) throws GuestException {
        if (sites < 0 || sites > MOST_SITES - keys.size()) {
            throw new KernelFormatException(what, start, sites + " entries");
        }
        Block table = memory.block(what, start, sites * SITE_BYTES);
        for (long at = 0; at < table.size(); at += SITE_BYTES) {
            keys.put(start + at + table.s32(at), start + at + KEY_AT + table.s32(at + KEY_AT) & KEY_MASK);
        }
    }

    private void addTrampolines(SymbolTable all) {
        Map<Named, Long> named = new HashMap<>();
        for (int symbol = 0; symbol < all.size(); symbol++) {
            if (all.nameStartsWith(symbol, KEY)) {
                named.put(new Named(all, symbol), all.address(symbol));
            }
        }
        for (int symbol = 0; symbol < all.size(); symbol++) {
            if (all.nameStartsWith(symbol, TRAMPOLINE)) {
                Long key = named.get(new Named(all, symbol));
                if (key != null) {
                    keys.put(all.address(symbol), key);
                }
            }
        }
    }

    /// A static call's name.
    private record Named(String owner, String name) {
        Named(SymbolTable all, int symbol) {
            this(all.owner(symbol), all.name(symbol).substring(KEY.length()));
        }
    }

    // Many places share a key. A place whose key cannot be read leads nowhere that is known.
    private Map<Long, Long> functions() throws GuestException {
        Map<Long, Optional<Long>> byKey = new HashMap<>();
        Map<Long, Long> functions = new HashMap<>();
        for (Map.Entry<Long, Long> each : keys.entrySet()) {
            Optional<Long> function = byKey.get(each.getValue());
            if (function == null) {
                function = function(each.getValue());
                byKey.put(each.getValue(), function);
            }
            function.ifPresent(address -> functions.put(each.getKey(), address));
        }
        return functions;
    }

    private Optional<Long> function(long key) throws GuestException {
        try {
            return Optional.of(memory.s64(key + functionAt));
        } catch (UnreadableMemoryException _) {
            return Optional.empty();
        }
    }
}
