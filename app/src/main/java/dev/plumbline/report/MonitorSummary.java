package dev.plumbline.report;

import dev.plumbline.monitoring.AlertLog;
import dev.plumbline.monitoring.Severity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What monitoring amounted to.
///
/// @param events call events that left the guest
/// @param dropped call events lost, exactly
/// @param alerts how many alerts that differ were raised, by severity
/// @param repeated how often alerts were raised again
/// @param seconds how long was monitored
/// @param known edges that the guest knew to be normal from the start, and did not tell
public record MonitorSummary(
        long events, long dropped, Map<Severity, Long> alerts, long repeated, double seconds, long known) {

    private static final List<Severity> GRAVEST_FIRST =
            List.of(Severity.values()).reversed();

    /// With the counts of a log.
    public static MonitorSummary of(long events, long dropped, AlertLog log, double seconds, long known) {
        Map<Severity, Long> alerts = new LinkedHashMap<>();
        long times = 0;
        long first = 0;
        for (Severity severity : GRAVEST_FIRST) {
            alerts.put(severity, log.count(severity));
            first += log.count(severity);
            times += log.times(severity);
        }
        return new MonitorSummary(events, dropped, alerts, times - first, seconds, known);
    }

    /// How many alerts that differ were graver than [Severity#LOW].
    public long graveCount() {
        return alerts.entrySet().stream()
                .filter(each -> each.getKey().compareTo(Severity.LOW) > 0)
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /// As the object of the JSON contract.
    public Map<String, Object> json() {
        Map<String, Object> counts = new LinkedHashMap<>();
        alerts.forEach((severity, count) -> counts.put(severity.name().toLowerCase(Locale.ROOT), count));
        return Json.object(
                "events", events,
                "dropped", dropped,
                "seconds", seconds,
                "alerts", counts,
                "repeated", repeated,
                "known", known);
    }
}
