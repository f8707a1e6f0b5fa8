package dev.plumbline.callgraph;

/// How a direct edge passes control.
public enum EdgeKind {
    /// `call`
    CALL,
    /// `jmp` out of the function
    TAIL_JUMP,
    /// `jcc`, `jrcxz` or `loop` out of the function
    CONDITIONAL_JUMP,
    /// `jmp` or `jcc` to a return thunk: the function returns
    RETURN;

    private static final EdgeKind[] VALUES = values();

    static EdgeKind of(int ordinal) {
        return VALUES[ordinal];
    }
}
