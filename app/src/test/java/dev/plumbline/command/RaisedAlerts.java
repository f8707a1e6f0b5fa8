package dev.plumbline.command;

import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Detector;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.monitoring.Severity;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// Alerts for tests.
final class RaisedAlerts {
    private RaisedAlerts() {}

    static RaisedAlert of(String title) {
        Alert alert = new Alert(
                Severity.HIGH, Detector.EDGE, title, "f", Optional.empty(), Optional.empty(), List.of(), List.of());
        return new RaisedAlert(alert, 1, Instant.EPOCH, Instant.EPOCH, 1);
    }
}
