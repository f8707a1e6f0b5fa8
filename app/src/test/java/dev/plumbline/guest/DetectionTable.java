package dev.plumbline.guest;

import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Detector;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// Technique, kernel, and what found it: the table in `docs/detection.md`, between its two marks.
final class DetectionTable {
    private static final Path FILE = Path.of("..", "docs", "detection.md");
    private static final String BEGIN = "<!-- techniques: written by DetectionGuestTest -->\n";
    private static final String END = "<!-- end of techniques -->\n";

    private final Map<String, String> rows = new TreeMap<>();

    /// Begins anew.
    void forget() {
        rows.clear();
    }

    /// What was found of an attack: for each detector the gravest alert that names what is hooked.
    void add(AttackModule attack, GuestKernel version, List<Alert> alerts) {
        Map<Detector, Severity> found = new EnumMap<>(Detector.class);
        for (Alert alert : alerts) {
            if (DetectionGuestTest.names(alert, attack)) {
                found.merge(alert.detector(), alert.severity(), (one, other) -> one.compareTo(other) > 0 ? one : other);
            }
        }
        List<String> cells = new ArrayList<>();
        for (Detector detector : List.of(Detector.STATIC_RULE, Detector.INTEGRITY, Detector.SET, Detector.EDGE)) {
            Severity severity = found.get(detector);
            cells.add(severity == null ? "" : severity.name().toLowerCase(Locale.ROOT));
        }
        String technique = attack.module().replace('_', ' ');
        String series = version.series();
        rows.put(
                "%02d %s".formatted(attack.ordinal(), series),
                "| %s | %s | %s |".formatted(technique, series, String.join(" | ", cells)));
    }

    /// Writes it, if it is whole.
    void write() throws IOException {
        if (rows.size() < AttackModule.values().length * GuestKernel.values().length) {
            return;
        }
        String text = Files.readString(FILE);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        int end = text.indexOf(END);
        String table = "| technique | kernel | static rule | integrity | set | edge |\n"
                + "| --- | --- | --- | --- | --- | --- |\n" + String.join("\n", rows.values()) + "\n";
        String now = text.substring(0, begin) + table + text.substring(end);
        if (!now.equals(text)) {
            Files.writeString(FILE, now);
        }
    }
}
