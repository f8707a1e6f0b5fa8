package dev.plumbline.guest;

import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Detector;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// Technique, kernel, and what found it: the table in `docs/detection.md`, between its two marks. Paths are compared in
/// full mode, which takes a run of all tests: others leave the table as it is.
final class DetectionTable {
    private static final Path FILE = Path.of("..", "docs", "detection.md");
    private static final String BEGIN = "<!-- techniques: written by DetectionGuestTest -->\n";
    private static final String END = "<!-- end of techniques -->\n";

    private final Map<String, Map<Detector, Severity>> rows = new TreeMap<>();

    /// Begins anew.
    void forget() {
        rows.clear();
    }

    /// What was found of an attack: for each detector the gravest alert that names what is hooked, in any mode.
    void add(AttackModule attack, GuestKernel version, List<Alert> alerts) {
        String technique = attack.module().replace('_', ' ');
        String key = "%02d| %s | %s |".formatted(attack.ordinal(), technique, version.series());
        Map<Detector, Severity> found = rows.computeIfAbsent(key, _ -> new EnumMap<>(Detector.class));
        for (Alert alert : alerts) {
            if (DetectionGuestTest.names(alert, attack)) {
                found.merge(alert.detector(), alert.severity(), (one, other) -> one.compareTo(other) > 0 ? one : other);
            }
        }
    }

    private static String row(String key, Map<Detector, Severity> found) {
        return Arrays.stream(Detector.values())
                .map(detector ->
                        found.containsKey(detector) ? found.get(detector).name().toLowerCase(Locale.ROOT) : "")
                .collect(Collectors.joining(" | ", key.substring(2) + " ", " |"));
    }

    /// Writes it, if it is whole.
    void write() throws IOException {
        if (!OnGuests.ALL || rows.size() < AttackModule.values().length * GuestKernel.values().length) {
            return;
        }
        List<String> lines = rows.entrySet().stream()
                .map(row -> row(row.getKey(), row.getValue()))
                .toList();
        String text = Files.readString(FILE);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        int end = text.indexOf(END);
        String table = "| technique | kernel | static rule | integrity | set | edge | path |\n"
                + "| --- | --- | --- | --- | --- | --- | --- |\n" + String.join("\n", lines) + "\n";
        String now = text.substring(0, begin) + table + text.substring(end);
        if (!now.equals(text)) {
            Files.writeString(FILE, now);
        }
    }
}
