package dev.plumbline.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.report.AlertJson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Commands that are run for alerts, well-behaved ones and others.
@Timeout(60)
class AlertCommandTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    private Path directory;

    private final List<String> said = new CopyOnWriteArrayList<>();

    private AlertCommand command(String shell, Duration longest) {
        return new AlertCommand(shell, new AlertJson("qemu:web1"), said::add, longest);
    }

    @Test
    void aCommandGetsTheAlertAsJson() throws Exception {
        Path told = directory.resolve("told");
        try (AlertCommand command = command("cat > " + told, LONG)) {
            command.start(RaisedAlerts.of("one"));
        }
        JsonNode finding = new ObjectMapper().readTree(Files.readString(told));
        assertThat(finding.at("/message").asText()).isEqualTo("one");
        assertThat(said).isEmpty();
    }

    @Test
    void oneThatFailsIsSaid() {
        try (AlertCommand command = command("exit 7", LONG)) {
            command.start(RaisedAlerts.of("one"));
        }
        assertThat(said).containsExactly("the command for the alert \"one\" failed with code 7");
    }

    @Test
    void oneThatGoesOnForeverIsEndedThoughItReadsNothing() throws Exception {
        String title = "a title that no pipe holds ".repeat(10_000);
        Path pid = directory.resolve("pid");
        try (AlertCommand command = command("echo $$ > " + pid + "; sleep 1000; true", Duration.ofSeconds(1))) {
            command.start(RaisedAlerts.of(title));
            while (said.isEmpty()) {
                Thread.sleep(10);
            }
        }
        assertThat(said).singleElement().asString().endsWith("was ended after 1.0 s");
        long shell = Long.parseLong(Files.readString(pid).strip());
        assertThat(ProcessHandle.of(shell).filter(ProcessHandle::isAlive)).isEmpty();
    }

    @Test
    void moreThanCanWaitAreSaidAndHoldNobodyUp() throws Exception {
        Path gate = directory.resolve("gate");
        try (AlertCommand command = command("until [ -e " + gate + " ]; do sleep 0.05; done", LONG)) {
            for (int alert = 0; alert < 110; alert++) {
                command.start(RaisedAlerts.of("alert " + alert));
            }
            assertThat(said).hasSize(8).first().asString().contains("alert 102", "100 are waiting");
            Files.createFile(gate);
        }
        assertThat(said).hasSize(8);
    }

    @Test
    void aMisspeltWordIsFoundOut() throws Exception {
        assertThat(AlertCommand.isThere("puase")).isFalse();
        assertThat(AlertCommand.isThere("")).isFalse();
        assertThat(AlertCommand.isThere("/no/such/program now")).isFalse();
        assertThat(AlertCommand.isThere("cat > /dev/null")).isTrue();
        assertThat(AlertCommand.isThere("echo $HOME")).isTrue();
        assertThat(AlertCommand.isThere("A=b some-program")).isTrue();
    }
}
