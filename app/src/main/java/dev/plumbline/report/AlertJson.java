package dev.plumbline.report;

import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.learning.Context;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Evidence;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.monitoring.Severity;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/// Alerts as JSON lines, each a Detection Finding of the Open Cybersecurity Schema Framework 1.3 (class 2004,
/// https://schema.ocsf.io/1.3.0/classes/detection_finding), and a last line `{"summary":{…}}`. An alert that was raised
/// again is an update of its finding, with the same `uid`. What the schema has no place for stands in `unmapped`.
public final class AlertJson implements AlertFormat {
    private static final int FINDINGS = 2;
    private static final int DETECTION_FINDING = 2004;
    private static final int CREATE = 1;
    private static final int UPDATE = 2;
    private static final int NEW = 1;

    private final String guest;

    /// @param guest the guest's name
    public AlertJson(String guest) {
        this.guest = PlainText.of(guest);
    }

    @Override
    public String alert(RaisedAlert raised) {
        return Json.line(finding(raised)) + "\n";
    }

    @Override
    public String summary(MonitorSummary summary) {
        return Json.line(Json.object("summary", summary.json())) + "\n";
    }

    private Map<String, Object> finding(RaisedAlert raised) {
        Alert alert = raised.alert();
        int activity = raised.isRepeat() ? UPDATE : CREATE;
        return Json.object(
                "class_uid", DETECTION_FINDING,
                "class_name", "Detection Finding",
                "category_uid", FINDINGS,
                "category_name", "Findings",
                "activity_id", activity,
                "activity_name", raised.isRepeat() ? "Update" : "Create",
                "type_uid", DETECTION_FINDING * 100L + activity,
                "time", raised.last().toEpochMilli(),
                "severity_id", severity(alert.severity()),
                "severity", word(alert.severity()),
                "status_id", NEW,
                "status", "New",
                "count", raised.times(),
                "message", PlainText.of(alert.title()),
                "metadata", Json.object("version", "1.3.0", "product", product()),
                "finding_info", information(raised),
                "resources", List.of(Json.object("name", guest, "type", "virtual machine")),
                "evidences", evidences(alert),
                "unmapped", unmapped(alert));
    }

    private static Map<String, Object> product() {
        return Json.object("name", "Plumbline", "vendor_name", "Plumbline", "version", Release.VERSION);
    }

    private Map<String, Object> information(RaisedAlert raised) {
        Alert alert = raised.alert();
        String identity = guest + " " + raised.first() + " " + alert.key();
        byte[] bytes = identity.getBytes(StandardCharsets.UTF_8);
        return Json.object(
                "uid", UUID.nameUUIDFromBytes(bytes).toString(),
                "title", PlainText.of(alert.title()),
                "desc", AlertMeaning.of(alert),
                "types", List.of(word(alert.detector())),
                "first_seen_time", raised.first().toEpochMilli(),
                "last_seen_time", raised.last().toEpochMilli());
    }

    // Each must hold one of the artifacts that the schema names; `data` is for what no other one describes.
    private static List<Object> evidences(Alert alert) {
        Map<String, Object> process = alert.task().map(AlertJson::process).orElse(Map.of());
        List<Object> evidences = new ArrayList<>();
        for (Evidence each : alert.evidence()) {
            Map<String, Object> fields = Json.object("data", data(each));
            fields.putAll(process);
            evidences.add(fields);
        }
        if (evidences.isEmpty() && !process.isEmpty()) {
            evidences.add(process);
        }
        return evidences;
    }

    private static Map<String, Object> data(Evidence evidence) {
        return Json.object(
                "what", PlainText.of(evidence.what()),
                "expected", PlainText.of(evidence.expected()),
                "found", PlainText.of(evidence.found()));
    }

    // The schema's pid is that of the process, which Linux calls tgid.
    private static Map<String, Object> process(TaskIdentity task) {
        return task.pid() < 0
                ? Map.of()
                : Json.object(
                        "process",
                        Json.object("pid", task.tgid(), "tid", task.pid(), "name", PlainText.of(task.comm())));
    }

    private static Map<String, Object> unmapped(Alert alert) {
        return Json.object(
                "function", PlainText.of(alert.function()),
                "syscall",
                        alert.context()
                                .filter(context -> context.kind().isSystemCall())
                                .map(Context::name)
                                .orElse(null),
                "context", alert.context().map(Context::title).orElse(null),
                "pid", alert.task().map(TaskIdentity::pid).orElse(null),
                "comm", alert.task().map(task -> PlainText.of(task.comm())).orElse(null),
                "path", alert.path().stream().map(PlainText::of).toList());
    }

    private static int severity(Severity severity) {
        return switch (severity) {
            case LOW -> 2;
            case MEDIUM -> 3;
            case HIGH -> 4;
            case CRITICAL -> 5;
        };
    }

    private static String word(Enum<?> constant) {
        String word = constant.name().toLowerCase(Locale.ROOT);
        return Character.toUpperCase(word.charAt(0)) + word.substring(1).replace('_', ' ');
    }
}
