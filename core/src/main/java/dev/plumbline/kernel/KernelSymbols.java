package dev.plumbline.kernel;

import java.util.OptionalLong;

/// Finds the kernel's own symbols by name, with an error that says which one this kernel lacks.
///
/// @param table where to look
record KernelSymbols(SymbolTable table) {

    /// @throws KernelFormatException if the kernel has no symbol of this name
    long address(String name) throws KernelFormatException {
        return find(name)
                .orElseThrow(() -> new KernelFormatException("the kernel has no symbol " + name
                        + "; its configuration is not one Plumbline knows how to read"));
    }

    OptionalLong find(String name) {
        var symbol = table.find(name);
        return symbol.isPresent() ? OptionalLong.of(table.address(symbol.getAsInt())) : OptionalLong.empty();
    }
}
