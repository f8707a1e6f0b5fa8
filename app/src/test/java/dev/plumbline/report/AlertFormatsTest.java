package dev.plumbline.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Detector;
import dev.plumbline.monitoring.Evidence;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.monitoring.Severity;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Findings have what the schema requires, in lines that stay lines; text says what there is to check.
@Timeout(60)
class AlertFormatsTest {
    /// What OCSF 1.3.0 requires of class 2004 and of the objects in it (github.com/ocsf/ocsf-schema: events/base_event,
    /// events/findings/finding, objects/metadata, objects/product, objects/finding_info), as JSON pointers.
    private static final Map<String, String> REQUIRED = Map.ofEntries(
            Map.entry("/activity_id", "integer"),
            Map.entry("/category_uid", "integer"),
            Map.entry("/class_uid", "integer"),
            Map.entry("/type_uid", "integer"),
            Map.entry("/severity_id", "integer"),
            Map.entry("/time", "integer"),
            Map.entry("/metadata", "object"),
            Map.entry("/metadata/version", "string"),
            Map.entry("/metadata/product", "object"),
            Map.entry("/metadata/product/vendor_name", "string"),
            Map.entry("/finding_info", "object"),
            Map.entry("/finding_info/uid", "string"),
            Map.entry("/finding_info/title", "string"));

    private static final Instant FIRST = Instant.parse("2026-01-09T13:03:21.482Z");
    private static final TaskIdentity THREAD = new TaskIdentity(8, 7, "l\u001b[31ms\n", false, 0);

    private static Alert alert(Severity severity, Optional<TaskIdentity> task) {
        return new Alert(
                severity,
                Detector.EDGE,
                "iterate_dir calls hook",
                "iterate_dir",
                Optional.of(new Context(ContextKind.SYSTEM_CALL, "getdents64")),
                task,
                List.of("__x64_sys_getdents64", "iterate_dir"),
                List.of(new Evidence("iterate_dir+0x9a", "ext4_readdir", "hook [evil]")));
    }

    private static RaisedAlert raised(Severity severity, long times) {
        Instant last = FIRST.plusSeconds(times - 1);
        return new RaisedAlert(alert(severity, Optional.of(THREAD)), 1, FIRST, last, times);
    }

    private static JsonNode finding(RaisedAlert raised) throws IOException {
        String line = new AlertJson("qemu:web1").alert(raised);
        assertThat(line).endsWith("}\n");
        assertThat(line.lines()).hasSize(1);
        return new ObjectMapper().readTree(line);
    }

    private static String text(RaisedAlert raised) {
        return new AlertText(false, ZoneOffset.ofHours(1)).alert(raised);
    }

    @ParameterizedTest
    @EnumSource
    void whatTheSchemaRequiresIsThere(Severity severity) throws IOException {
        JsonNode finding = finding(raised(severity, 1));
        REQUIRED.forEach((pointer, type) -> {
            JsonNode field = finding.at(pointer);
            boolean isOfType = switch (type) {
                case "integer" -> field.isIntegralNumber();
                case "string" -> field.isTextual() && !field.asText().isEmpty();
                default -> field.isObject();
            };
            assertThat(isOfType).as(pointer).isTrue();
        });
        assertThat(finding.at("/class_uid").asInt()).isEqualTo(2004);
        assertThat(finding.at("/type_uid").asLong())
                .isEqualTo(200_400 + finding.at("/activity_id").asLong());
        assertThat(finding.at("/severity_id").asInt()).isEqualTo(severity.ordinal() + 2);
        assertThat(finding.at("/time").asLong()).isEqualTo(FIRST.toEpochMilli());
        assertThat(finding.at("/unmapped/syscall").asText()).isEqualTo("getdents64");
    }

    @Test
    void evidencesHaveAnArtifactAndTheProcess() throws IOException {
        // objects/evidences: at least one artifact in each; objects/process: a pid or a uid.
        JsonNode evidence = finding(raised(Severity.HIGH, 1)).at("/evidences/0");
        assertThat(evidence.at("/data/expected").asText()).isEqualTo("ext4_readdir");
        assertThat(evidence.at("/process/pid").asInt()).isEqualTo(7);
        assertThat(evidence.at("/process/tid").asInt()).isEqualTo(8);
        assertThat(evidence.at("/process/name").asText()).isEqualTo("l?[31ms?");
    }

    @Test
    void aTaskThatIsNotKnownIsNoProcess() throws IOException {
        Alert alert = alert(Severity.HIGH, Optional.of(TaskIdentity.UNKNOWN));
        JsonNode evidence = finding(new RaisedAlert(alert, 1, FIRST, FIRST, 1)).at("/evidences/0");
        assertThat(evidence.has("data")).isTrue();
        assertThat(evidence.has("process")).isFalse();
    }

    @Test
    void anAlertRaisedAgainUpdatesItsFinding() throws IOException {
        JsonNode first = finding(raised(Severity.HIGH, 1));
        JsonNode again = finding(raised(Severity.HIGH, 5));
        assertThat(again.at("/finding_info/uid")).isEqualTo(first.at("/finding_info/uid"));
        assertThat(first.at("/type_uid").asLong()).isEqualTo(200_401);
        assertThat(again.at("/type_uid").asLong()).isEqualTo(200_402);
        assertThat(again.at("/count").asLong()).isEqualTo(5);
        assertThat(again.at("/time").asLong() - first.at("/time").asLong()).isEqualTo(4000);
    }

    @Test
    void textSaysWhatThereIsToCheckAndCommandsNoTerminal() {
        assertThat(text(raised(Severity.HIGH, 1)).lines())
                .containsExactly(
                        "HIGH      iterate_dir calls hook",
                        "          means       the kernel runs code where neither the model nor the kind of the call"
                                + " has room",
                        "                      for it: a hook, most likely",
                        "          when        2026-01-09 14:03:21.482 +01:00",
                        "          found by    edge",
                        "          during      getdents64 of l?[31ms?-8",
                        "          path        __x64_sys_getdents64 -> iterate_dir",
                        "          where       iterate_dir+0x9a",
                        "          expected    ext4_readdir",
                        "          found       hook [evil]");
        String coloured = new AlertText(true, ZoneOffset.UTC).alert(raised(Severity.HIGH, 1));
        assertThat(coloured).startsWith("\u001b[");
    }

    @Test
    void textOfARepeatIsALine() {
        assertThat(text(raised(Severity.CRITICAL, 1200)))
                .isEqualTo("CRITICAL  iterate_dir calls hook: 1,200 times by now, the last at"
                        + " 2026-01-09 14:23:20.482 +01:00\n");
    }

    @ParameterizedTest
    @EnumSource
    void everySeverityHasAMeaningOfEveryDetector(Detector detector) {
        for (Severity severity : Severity.values()) {
            Alert alert =
                    new Alert(severity, detector, "", "", Optional.empty(), Optional.empty(), List.of(), List.of());
            assertThat(AlertMeaning.of(alert)).isNotBlank();
        }
    }

    @Test
    void summariesCountWhatIsGraverThanLow() throws IOException {
        Map<Severity, Long> counts = Map.of(Severity.LOW, 7L, Severity.MEDIUM, 1L, Severity.CRITICAL, 2L);
        MonitorSummary summary = new MonitorSummary(9, 8, counts, 6, 2.5, 4);
        assertThat(summary.graveCount()).isEqualTo(3);
        assertThat(new MonitorSummary(0, 0, Map.of(Severity.LOW, 7L), 0, 1, 0).graveCount())
                .isZero();
        JsonNode json =
                new ObjectMapper().readTree(new AlertJson("a").summary(summary)).at("/summary");
        assertThat(json.at("/events").asLong()).isEqualTo(9);
        assertThat(json.at("/dropped").asLong()).isEqualTo(8);
        assertThat(json.at("/seconds").asDouble()).isEqualTo(2.5);
        assertThat(json.at("/alerts/critical").asLong()).isEqualTo(2);
        assertThat(json.at("/known").asLong()).isEqualTo(4);
    }
}
