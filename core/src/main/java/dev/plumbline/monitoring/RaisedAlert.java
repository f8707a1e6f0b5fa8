package dev.plumbline.monitoring;

import java.time.Instant;

/// An alert in the order it was raised, or that it was raised again.
///
/// @param alert the alert, as it was the first time
/// @param number its place among all alerts that differ, from 1
/// @param first when it was raised first
/// @param last when it was raised last
/// @param times how often it was raised so far: 1 the first time it is told
public record RaisedAlert(Alert alert, long number, Instant first, Instant last, long times) {

    /// Whether it was told before.
    public boolean isRepeat() {
        return times > 1;
    }
}
