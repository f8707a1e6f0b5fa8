package dev.plumbline.callgraph;

import dev.plumbline.kernel.SymbolTable;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/// The names of functions: which symbol names each is chosen once, texts are made when asked for. Immutable.
final class FunctionNames {
    private static final String SYSTEM_CALL_PREFIX = "__x64_sys_";

    private final FunctionTable functions;
    private final SymbolTable symbols;
    private final int[] primaries;

    FunctionNames(FunctionTable functions, SymbolTable symbols) {
        this.functions = functions;
        this.symbols = symbols;
        this.primaries = new int[functions.count()];
        for (int function = 0; function < primaries.length; function++) {
            primaries[function] = primary(function);
        }
    }

    /// The name a person would use: of a 64-bit system call, else of a global symbol, else a weak, else a local
    /// one; the first such.
    String of(int function) {
        return symbols.name(primaries[function]);
    }

    String owner(int function) {
        return symbols.owner(primaries[function]);
    }

    List<String> allOf(int function) {
        return symbolsOf(function).mapToObj(symbols::name).toList();
    }

    OptionalInt first(String name) {
        // The table finds one symbol of the kernel itself; it may be data, or a namesake of the function.
        OptionalInt ofKernel = symbols.find(name);
        if (ofKernel.isPresent() && symbols.isText(ofKernel.getAsInt())) {
            int function = functions.at(symbols.address(ofKernel.getAsInt()));
            if (function != CallGraph.NONE && isNamed(function, name)) {
                return OptionalInt.of(function);
            }
        }
        return all(name).findFirst();
    }

    IntStream all(String name) {
        return IntStream.range(0, functions.count()).filter(function -> isNamed(function, name));
    }

    private boolean isNamed(int function, String name) {
        return symbolsOf(function).anyMatch(symbol -> symbols.name(symbol).equals(name));
    }

    private int primary(int function) {
        long address = functions.address(function);
        int best = symbols.atRank(functions.rank(function));
        for (int rank = functions.rank(function) + 1; rank < symbols.size(); rank++) {
            int symbol = symbols.atRank(rank);
            if (symbols.address(symbol) != address) {
                break;
            }
            if (symbols.isText(symbol) && preference(symbol) < preference(best)) {
                best = symbol;
            }
        }
        return best;
    }

    private int preference(int symbol) {
        // One body often serves the 64-bit and the 32-bit system call; people ask for the first.
        return symbols.nameStartsWith(symbol, SYSTEM_CALL_PREFIX) ? -1 : "TWwt".indexOf(symbols.type(symbol));
    }

    private IntStream symbolsOf(int function) {
        long address = functions.address(function);
        return IntStream.range(functions.rank(function), symbols.size())
                .map(symbols::atRank)
                .takeWhile(symbol -> symbols.address(symbol) == address)
                .filter(symbols::isText);
    }
}
