package dev.plumbline.callgraph;

import dev.plumbline.kernel.SymbolTable;
import java.util.List;

/// The functions that stand for an instruction: retpoline thunks for indirect branches, return thunks for returns.
/// They are known by name. Source: Linux arch/x86/lib/retpoline.S, 5.10 to 6.15.
final class Thunks {
    static final int RETURN = 16;
    static final int NONE = -1;

    private static final List<String> INDIRECT_PREFIXES = List.of(
            "__x86_indirect_thunk_",
            "__x86_indirect_call_thunk_",
            "__x86_indirect_jump_thunk_",
            "__x86_indirect_its_thunk_");
    private static final List<String> REGISTERS = List.of(
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15");
    // An array of thunks begins with that of rax.
    private static final String ARRAY = "array";
    private static final List<String> RETURN_THUNKS = List.of(
            "__x86_return_thunk",
            "zen_return_thunk",
            "retbleed_return_thunk",
            "srso_return_thunk",
            "srso_alias_return_thunk",
            "call_depth_return_thunk",
            "its_return_thunk");

    private final byte[] byFunction;

    private Thunks(byte[] byFunction) {
        this.byFunction = byFunction;
    }

    static Thunks of(FunctionTable functions, SymbolTable symbols) {
        byte[] byFunction = new byte[functions.count()];
        for (String prefix : INDIRECT_PREFIXES) {
            mark(byFunction, functions, symbols, prefix + ARRAY, 0);
            for (int register = 0; register < REGISTERS.size(); register++) {
                mark(byFunction, functions, symbols, prefix + REGISTERS.get(register), register);
            }
        }
        for (String name : RETURN_THUNKS) {
            mark(byFunction, functions, symbols, name, RETURN);
        }
        return new Thunks(byFunction);
    }

    private static void mark(byte[] byFunction, FunctionTable functions, SymbolTable symbols, String name, int kind) {
        symbols.find(name).ifPresent(symbol -> {
            long address = symbols.address(symbol);
            int function = functions.at(address);
            if (function >= 0 && functions.address(function) == address) {
                byFunction[function] = (byte) (kind + 1);
            }
        });
    }

    /// The register (0 to 15) whose thunk begins at the function, [#RETURN] for a return thunk, [#NONE] for neither.
    int kindOf(int function) {
        return byFunction[function] - 1;
    }
}
