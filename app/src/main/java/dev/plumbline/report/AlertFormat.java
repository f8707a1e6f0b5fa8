package dev.plumbline.report;

import dev.plumbline.monitoring.RaisedAlert;

/// How alerts are written: as lines that end with a line break, in one piece, so that an output that is full can go on
/// in the middle.
public interface AlertFormat {

    /// The lines of one alert, or of its having been raised again.
    String alert(RaisedAlert raised);

    /// What comes after the last alert.
    String summary(MonitorSummary summary);
}
