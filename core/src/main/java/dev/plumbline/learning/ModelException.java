package dev.plumbline.learning;

import java.io.IOException;

/// A model, or its file, cannot be used, said in one line: what failed, on what, and what to do.
public final class ModelException extends IOException {
    private static final long serialVersionUID = 1L;

    /// @param message one line, without a full stop at its end
    public ModelException(String message) {
        super(message);
    }

    /// @param message one line, without a full stop at its end
    /// @param cause what was caught; its message is not part of this one's
    public ModelException(String message, Throwable cause) {
        super(message, cause);
    }
}
