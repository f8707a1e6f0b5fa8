package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/// A run of `plumbline` whose cost is measured.
interface MeasuredRun extends AutoCloseable {
    /// Seconds of a core that it has used so far.
    double coreSeconds() throws IOException;

    /// Ends it as Ctrl-C does, and waits until the probes are out.
    ///
    /// @return its summary
    JsonNode end() throws IOException, InterruptedException;

    @Override
    void close() throws IOException;
}
