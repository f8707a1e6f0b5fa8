package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The command: what was learnt raises no alert, what hides a file does, and is told whatever becomes of the output.
@Tag("guest")
@Timeout(300)
class MonitorGuestTest {
    /// What OCSF 1.3 requires of a Detection Finding (schema.ocsf.io/1.3.0/classes/detection_finding).
    private static final List<String> REQUIRED = List.of(
            "activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid");

    @TempDir
    private static Path directory;

    private static GuestUnderTest guest;
    private static TestModules modules;
    private static String model;

    @BeforeAll
    static void learn() throws Exception {
        guest = GuestUnderTest.boot(GuestOptions.DEFAULT);
        modules = AttackModule.built(guest.guest(), GuestKernel.V6_1);
        model = directory.resolve("model").toString();
        new LauncherForTests(directory).learn(guest.vm(), Path.of(model), "5s", MonitorGuestTest::list);
    }

    @AfterAll
    static void end() throws Exception {
        guest.close();
    }

    private static LauncherForTests.Command start(String... options) throws Exception {
        return startInto(Files.createTempFile(directory, "alerts", ""), options);
    }

    private static LauncherForTests.Command startInto(Path output, String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("monitor", guest.vm(), "--model", model));
        arguments.addAll(List.of(options));
        LauncherForTests.Command command =
                new LauncherForTests(directory).startInto(output, arguments.toArray(String[]::new));
        command.awaitError("tracing");
        return command;
    }

    private static void hideAFile(LauncherForTests.Command monitor) throws Exception {
        AttackModule.HIDE_FILE.load(modules);
        monitor.awaitError("modules have come");
        list();
    }

    private static void endHiding() throws Exception {
        AttackModule.HIDE_FILE.unload(modules);
    }

    @Test
    void aHiddenFileIsReported() throws Exception {
        LauncherForTests.Command calm = start("--for", "3s");
        list();
        assertThat(ended(calm)).as(LauncherForTests.outLines(calm).toString()).isZero();

        LauncherForTests.Command alarmed = start("--for", "25s", "--json");
        hideAFile(alarmed);
        assertThat(ended(alarmed)).isEqualTo(3);
        assertFindings(alarmed.output());
        endHiding();
    }

    @Test
    void alertsThatStandardOutputDoesNotTakeAreKeptAndReportedAndTellACommand() throws Exception {
        Path report = directory.resolve("report");
        Path told = directory.resolve("told");
        LauncherForTests.Command monitor = startInto(
                Path.of("/dev/full"), "--for", "25s", "--report", report.toString(), "--on-alert", "cat >> " + told);
        hideAFile(monitor);
        assertThat(ended(monitor)).isEqualTo(1);
        endHiding();
        assertFindings(report);
        assertThat(Files.readAllLines(told)).isNotEmpty().allMatch(line -> line.contains("\"class_uid\":2004"));
        Matcher kept = Pattern.compile("alerts could not be told by standard output .* they are in (.+)")
                .matcher(monitor.errorLines().getLast());
        assertThat(kept.find()).as(monitor.errorLines().toString()).isTrue();
        Path refuge = Path.of(kept.group(1));
        assertThat(refuge).content().contains("list_without [hide_file]");
        Files.delete(refuge);
    }

    @Test
    void aGuestThatAnAlertHasPausedRunsOnOnceItIsDetached() throws Exception {
        guest.guest().exec("cat > /tmp/hide_file.ko", modules.built().get("hide_file"));
        LauncherForTests.Command monitor = start("--on-alert", "pause");
        try (RunningCommand listing = guest.guest()
                        .start("insmod /tmp/hide_file.ko; %s; echo done".formatted(AttackModule.HIDE_FILE.trigger()));
                QmpClient qmp = guest.monitor()) {
            assertThat(ended(monitor)).isEqualTo(3);
            assertThat(monitor.errorLines()).anyMatch(line -> line.contains("is paused, with the probes in it"));
            assertThat(qmp.execute("query-status").get("status").text()).isEqualTo("paused");
            CommandRun detach = CommandRun.of("detach", guest.vm());
            assertThat(detach.status()).as(detach.err()).isZero();
            assertThat(detach.err()).contains("the probes are out");
            assertThat(listing.await().stdoutText()).endsWith("done\n");
        }
        endHiding();
    }

    private static void list() throws Exception {
        guest.guest().execChecked(AttackModule.HIDE_FILE.trigger());
    }

    private static int ended(LauncherForTests.Command command) throws Exception {
        assertThat(command.process().waitFor(90, TimeUnit.SECONDS)).isTrue();
        return command.process().exitValue();
    }

    private static void assertFindings(Path file) throws Exception {
        List<JsonNode> findings = CommandRun.jsonLines(Files.readString(file));
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
