package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// What is known stays in the guest, and nothing else does; with every call, chains of calls are compared too.
@Tag("guest")
@Timeout(300)
class MonitorModesGuestTest {
    private static final int LEARNING_SECONDS = 15;

    private static final String LEARNT = "ls / > /dev/null; cat /proc/uptime > /dev/null; "
            + AttackModule.HIDE_FILE.trigger() + "; syscall-loop 200";
    private static final String NOT_LEARNT = "ls -lR /proc/self /sys/kernel > /dev/null; cp /bin/busybox /tmp/other;"
            + " tar c /tmp /etc | tar x -C /tmp; dmesg | sort | tail -n 3";

    @TempDir
    private Path directory;

    private Path model;

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void whatIsKnownStaysInTheGuestAndAnAttackDoesNot(GuestKernel version) throws Exception {
        GuestOptions options =
                GuestOptions.DEFAULT.withKernel(version).withExtraQemuArguments(GuestUnderTest.ONE_THREAD);
        try (GuestUnderTest guest = GuestUnderTest.boot(options)) {
            learn(guest);
        }
        try (GuestUnderTest guest = GuestUnderTest.boot(options)) {
            guest.guest().execChecked(LEARNT);
            long told;
            try (MonitoredGuest unknowing = MonitoredGuest.startUnknowing(guest, ModelFile.read(model), directory)) {
                assertThat(unknowing.knownEdgeCount()).isZero();
                unknowing.during(() -> guest.guest().execChecked(LEARNT));
                told = unknowing.eventCount();
            }
            TestModules modules = AttackModule.built(guest.guest(), version);
            try (MonitoredGuest knowing = MonitoredGuest.start(guest, ModelFile.read(model), directory)) {
                List<Alert> calm = knowing.during(() -> guest.guest().execChecked(LEARNT));
                assertThat(grave(calm)).as("learnt work").isEmpty();
                assertThat(knowing.knownEdgeCount()).isGreaterThan((int) told / 2);
                assertThat(knowing.eventCount()).as("of %,d", told).isLessThan(told / 4);
                List<Alert> attacked = knowing.during(() -> {
                    AttackModule.HIDE_FILE.load(modules);
                    knowing.await(AttackModule.HIDE_FILE.module(), true);
                    guest.guest().execChecked(AttackModule.HIDE_FILE.trigger());
                });
                assertThat(grave(attacked))
                        .anyMatch(alert -> alert.severity() == Severity.HIGH
                                && DetectionGuestTest.names(alert, AttackModule.HIDE_FILE));
                knowing.during(() -> {
                    AttackModule.HIDE_FILE.unload(modules);
                    knowing.await(AttackModule.HIDE_FILE.module(), false);
                });
                long before = knowing.eventCount();
                knowing.during(() -> guest.guest().execChecked(LEARNT));
                assertThat(knowing.eventCount() - before)
                        .as("told again after modules have come and gone")
                        .isLessThan(told / 4);
            }
        }
    }

    private static List<Alert> grave(List<Alert> alerts) {
        return alerts.stream()
                .filter(alert -> alert.severity().compareTo(Severity.LOW) > 0)
                .toList();
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void newWaysAreLowInFullMode(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version))) {
            learn(guest);
            List<JsonNode> calm = inFullMode(guest, LEARNT);
            assertThat(calm.getLast().at("/summary/events").asLong()).isPositive();
            assertThat(calm).noneMatch(finding -> finding.path("severity_id").asInt() > 2);
            List<JsonNode> findings = inFullMode(guest, NOT_LEARNT);
            assertThat(findings).anySatisfy(finding -> {
                assertThat(finding.at("/finding_info/types/0").asText()).isEqualTo("Path");
                assertThat(finding.path("severity").asText()).isEqualTo("Low");
                assertThat(finding.at("/unmapped/path").size()).isGreaterThan(1);
            });
            assertThat(findings)
                    .anyMatch(finding ->
                            finding.at("/finding_info/types/0").asText().equals("Set"));
        }
    }

    private void learn(GuestUnderTest guest) throws Exception {
        model = directory.resolve("model");
        guest.guest().execChecked(LEARNT);
        new LauncherForTests(directory)
                .learn(
                        guest.vm(),
                        model,
                        LEARNING_SECONDS + "s",
                        () -> guest.guest().execChecked(LEARNT));
    }

    /// The findings of a run while the guest does something; the exit code must be that of nothing above low.
    private List<JsonNode> inFullMode(GuestUnderTest guest, String work) throws Exception {
        LauncherForTests.Command monitor = start(
                "monitor",
                guest.vm(),
                "--model",
                model.toString(),
                "--mode",
                "full",
                "--json",
                "--severity",
                "low",
                "--for",
                "8s");
        monitor.awaitError("tracing");
        while (monitor.process().isAlive()) {
            guest.guest().execChecked(work);
        }
        int status = ended(monitor);
        List<JsonNode> findings = CommandRun.jsonLines(Files.readString(monitor.output()));
        assertThat(status).as(() -> findings.toString() + errors(monitor)).isZero();
        return findings;
    }

    private static String errors(LauncherForTests.Command command) {
        try {
            return command.errorLines().toString();
        } catch (IOException e) {
            return e.getMessage();
        }
    }

    private LauncherForTests.Command start(String... arguments) throws IOException {
        return new LauncherForTests(directory).start(arguments);
    }

    private static int ended(LauncherForTests.Command command) throws InterruptedException {
        assertThat(command.process().waitFor(90, TimeUnit.SECONDS)).isTrue();
        return command.process().exitValue();
    }
}
