package dev.plumbline.report;

import java.util.Map;

/// What a trace amounted to.
///
/// @param events call events seen
/// @param dropped call events lost, exactly
/// @param flows flows printed
/// @param seconds how long was traced
public record TraceSummary(long events, long dropped, long flows, double seconds) {

    /// As the object of the JSON contract.
    public Map<String, Object> json() {
        return Json.object("events", events, "dropped", dropped, "flows", flows, "seconds", seconds);
    }
}
