package dev.plumbline.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;

@Timeout(120)
class TestbedCommandTest {
    private static final String NAME = "cli-" + ProcessHandle.current().pid();

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    void kernelThatDoesNotExistIsUsageError() {
        assertThat(run("up", "x", "--kernel", "5.4")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no kernel 5.4, only 6.1 and 6.12");
    }

    @Test
    void numberOutOfBoundsIsUsageError() {
        assertThat(run("up", "x", "--cpus", "0")).isEqualTo(2);
        assertThat(err.toString()).contains("1 to 64 vCPUs");
        assertThat(run("up", "x", "--memory", "8")).isEqualTo(2);
    }

    @Test
    void missingCommandIsUsageError() {
        assertThat(run("exec", "x")).isEqualTo(2);
        assertThat(run()).isEqualTo(2);
    }

    @Test
    void guestThatDoesNotExistIsFailure() {
        assertThat(run("down", NAME)).isEqualTo(1);
        assertThat(run("exec", NAME, "--", "true")).isEqualTo(1);
    }

    @Test
    @Tag("guest")
    void guestGoesUpRunsCommandsIsListedAndGoesDown() throws IOException {
        assertThat(run("up", NAME, "--memory", "256")).isZero();
        try {
            assertThat(out.toString()).contains("guest " + NAME + " is up: kernel 6.1, 1 vCPU, 256 MiB");
            assertThat(run("exec", NAME, "--", "test", "-d", "/proc", "&&", "exit", "42"))
                    .isEqualTo(42);
            out.getBuffer().setLength(0);
            assertThat(run("list", "--json")).isZero();
            assertThat(new ObjectMapper().readTree(out.toString()))
                    .filteredOn(guest -> guest.path("name").asText().equals(NAME))
                    .singleElement()
                    .matches(guest -> guest.path("running").asBoolean()
                            && guest.path("kernel").asText().equals("6.1")
                            && guest.path("memoryMib").asInt() == 256
                            && guest.path("pid").isNumber());
        } finally {
            assertThat(run("down", NAME)).isZero();
        }
        assertThat(run("down", NAME)).isEqualTo(1);
    }

    private int run(String... arguments) {
        return new CommandLine(new TestbedCommand())
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
    }
}
