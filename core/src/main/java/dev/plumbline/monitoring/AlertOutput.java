package dev.plumbline.monitoring;

import java.io.IOException;

/// Where alerts are told: a terminal, a pipe, a file. Used on one thread at a time, which it may keep waiting.
public interface AlertOutput {

    /// Tells one, as a whole; where it fails, the same one is given again.
    ///
    /// @throws IOException if that is not possible now
    void tell(RaisedAlert alert) throws IOException;

    /// There are no more, and all were told.
    ///
    /// @throws IOException if what comes after the last cannot be told now; it is asked for again then
    default void end() throws IOException {
        // Nothing comes after the last in most.
    }
}
