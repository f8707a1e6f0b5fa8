package dev.plumbline.report;

import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.learning.Context;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Evidence;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.monitoring.Severity;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// Alerts for people: severity and what happened on a line, below it what that means and what can be checked.
/// ```
/// CRITICAL  code of vfs_read was changed
///           means       the kernel's memory is not what it should be: it has been tampered with
///           when        2026-01-09 14:03:21.482 +01:00
///           found by    integrity
///           where       code at vfs_read+0x5
///           expected    41 57 push r15
///           found       e9 7b 99 c1 ff jmp detour [evil]
/// ```
/// That it was raised again is a line by itself.
public final class AlertText implements AlertFormat {
    private static final String RESET = "\033[0m";
    private static final String LABELLED = "          %-10s  %s";

    private static final Pattern LINE = Pattern.compile("(.{1,80})(?: |$)");

    private final boolean isColoured;
    private final DateTimeFormatter times;

    /// @param isColoured whether for a terminal that shows colours
    /// @param zone where times are those of
    public AlertText(boolean isColoured, ZoneId zone) {
        this.isColoured = isColoured;
        this.times = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS xxx", Locale.ROOT)
                .withZone(zone);
    }

    @Override
    public String alert(RaisedAlert raised) {
        Alert alert = raised.alert();
        List<String> lines = new ArrayList<>();
        String head = severity(alert.severity()) + "  " + PlainText.of(alert.title());
        if (raised.isRepeat()) {
            lines.add("%s: %,d times by now, the last at %s".formatted(head, raised.times(), time(raised.last())));
        } else {
            lines.add(head);
            sentence(lines, "means", AlertMeaning.of(alert));
            label(lines, "when", time(raised.first()));
            details(lines, alert);
        }
        return String.join("\n", lines) + "\n";
    }

    private static void details(List<String> lines, Alert alert) {
        label(
                lines,
                "found by",
                alert.detector().name().toLowerCase(Locale.ROOT).replace('_', ' '));
        if (alert.context().isPresent() || alert.task().isPresent()) {
            String context = alert.context().map(Context::title).orElse("");
            String task = alert.task().map(AlertText::task).orElse("");
            label(lines, "during", context.isEmpty() || task.isEmpty() ? context + task : context + " of " + task);
        }
        if (!alert.path().isEmpty()) {
            label(lines, "path", String.join(" -> ", alert.path()));
        }
        for (Evidence evidence : alert.evidence()) {
            label(lines, "where", evidence.what());
            if (!evidence.expected().isEmpty()) {
                label(lines, "expected", evidence.expected());
            }
            label(lines, "found", evidence.found());
        }
    }

    private static void label(List<String> lines, String label, String text) {
        lines.add(LABELLED.formatted(label, PlainText.of(text)));
    }

    // Sentences are long; places and code stay in one piece, to be searched for.
    private static void sentence(List<String> lines, String label, String text) {
        String head = label;
        for (MatchResult line : LINE.matcher(text).results().toList()) {
            label(lines, head, line.group(1));
            head = "";
        }
    }

    private static String task(TaskIdentity task) {
        return task.comm() + "-" + (task.pid() < 0 ? "?" : task.pid());
    }

    private String time(Instant instant) {
        return times.format(instant);
    }

    private String severity(Severity severity) {
        String name = "%-8s".formatted(severity);
        return isColoured ? colour(severity) + name + RESET : name;
    }

    private static String colour(Severity severity) {
        return switch (severity) {
            case CRITICAL -> "\033[1;37;41m";
            case HIGH -> "\033[1;31m";
            case MEDIUM -> "\033[33m";
            case LOW -> "\033[2m";
        };
    }

    @Override
    public String summary(MonitorSummary summary) {
        List<String> counts = new ArrayList<>();
        for (Map.Entry<Severity, Long> each : summary.alerts().entrySet()) {
            counts.add("%,d %s".formatted(each.getValue(), each.getKey().name().toLowerCase(Locale.ROOT)));
        }
        String known = summary.known() == 0 ? "" : "; %,d edges were known from the start".formatted(summary.known());
        return "# alerts: %s; raised again %,d times; %,d events in %.1f s, %s%s\n"
                .formatted(
                        String.join(", ", counts),
                        summary.repeated(),
                        summary.events(),
                        summary.seconds(),
                        summary.dropped() == 0 ? "none lost" : "%,d lost".formatted(summary.dropped()),
                        known);
    }
}
