package dev.plumbline.x86;

/// Conditions of instructions, with their encodings (Intel SDM volume 2, appendix B.1.4.7).
public enum Condition {
    /// equal, zero
    EQUAL(4),
    /// not equal, not zero
    NOT_EQUAL(5),
    /// unsigned below
    BELOW(2),
    /// unsigned above or equal
    ABOVE_OR_EQUAL(3);

    private final int code;

    Condition(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }
}
