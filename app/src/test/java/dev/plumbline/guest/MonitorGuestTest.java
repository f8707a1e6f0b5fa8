package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The command: what was learnt raises no alert, what hides a file does.
@Tag("guest")
@Timeout(300)
class MonitorGuestTest {
    /// What OCSF 1.3 requires of a Detection Finding (schema.ocsf.io/1.3.0/classes/detection_finding).
    private static final List<String> REQUIRED = List.of(
            "activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid");

    @TempDir
    private Path directory;

    private LauncherForTests.Command start(String... arguments) throws Exception {
        return new LauncherForTests(directory).start(arguments);
    }

    @Test
    void aHiddenFileIsReported() throws Exception {
        String model = directory.resolve("model").toString();
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT)) {
            LauncherForTests.Command learn = start("learn", guest.vm(), "--model", model, "--for", "5s");
            learn.awaitError("tracing");
            while (learn.process().isAlive()) {
                list(guest);
            }
            assertThat(learn.process().exitValue()).isZero();

            LauncherForTests.Command calm = start("monitor", guest.vm(), "--model", model, "--for", "3s");
            calm.awaitError("tracing");
            list(guest);
            assertThat(ended(calm))
                    .as(LauncherForTests.outLines(calm).toString())
                    .isZero();

            TestModules modules = AttackModule.built(guest.guest(), GuestKernel.V6_1);
            LauncherForTests.Command alarmed = start("monitor", guest.vm(), "--model", model, "--for", "10s", "--json");
            alarmed.awaitError("tracing");
            AttackModule.HIDE_FILE.load(modules);
            alarmed.awaitError("modules have come");
            list(guest);
            assertThat(ended(alarmed)).isEqualTo(3);
            assertFindings(LauncherForTests.outLines(alarmed));
            AttackModule.HIDE_FILE.unload(modules);
        }
    }

    private static void list(GuestUnderTest guest) throws Exception {
        guest.guest().execChecked(AttackModule.HIDE_FILE.trigger());
    }

    private static int ended(LauncherForTests.Command command) throws Exception {
        assertThat(command.process().waitFor(90, TimeUnit.SECONDS)).isTrue();
        return command.process().exitValue();
    }

    private static void assertFindings(List<String> lines) throws Exception {
        List<JsonNode> findings = new ArrayList<>();
        for (String line : lines) {
            findings.add(new ObjectMapper().readTree(line));
        }
        JsonNode summary = findings.removeLast().path("summary");
        assertThat(summary.path("alerts").path("high").asInt()).isPositive();
        assertThat(summary.path("known").asInt()).isPositive();
        assertThat(findings).allSatisfy(finding -> {
            REQUIRED.forEach(field -> assertThat(finding.has(field)).as(field).isTrue());
            assertThat(finding.path("class_uid").asInt()).isEqualTo(2004);
            assertThat(finding.path("type_uid").asLong()).isEqualTo(200_401);
            assertThat(finding.path("metadata").path("version").asText()).isEqualTo("1.3.0");
            assertThat(finding.path("metadata").path("product").isObject()).isTrue();
            assertThat(finding.path("finding_info").path("uid").asText()).isNotEmpty();
            assertThat(finding.path("finding_info").path("title").asText()).isNotEmpty();
        });
        assertThat(findings)
                .anySatisfy(finding -> assertThat(
                                finding.path("unmapped").path("function").asText())
                        .isIn(AttackModule.HIDE_FILE.hooked()));
    }
}
