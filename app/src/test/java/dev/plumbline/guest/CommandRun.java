package dev.plumbline.guest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.command.Plumbline;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// One run of the command line.
///
/// @param arguments what it was told
/// @param status its exit code
/// @param out what it wrote to standard output
/// @param err what it wrote to standard error
/// @param took how long it ran
record CommandRun(List<String> arguments, int status, String out, String err, Duration took) {
    private static final int LONGEST_ERROR = 400;

    /// Runs a command in this process, as `main` would.
    static CommandRun of(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream realOut = System.out;
        PrintStream realErr = System.err;
        long start = System.nanoTime();
        try (PrintStream newOut = new PrintStream(out, true, UTF_8);
                PrintStream newErr = new PrintStream(err, true, UTF_8)) {
            System.setOut(newOut);
            System.setErr(newErr);
            int status = Plumbline.run(arguments);
            return new CommandRun(
                    List.of(arguments),
                    status,
                    out.toString(UTF_8),
                    err.toString(UTF_8),
                    Duration.ofNanos(System.nanoTime() - start));
        } finally {
            System.setOut(realOut);
            System.setErr(realErr);
        }
    }

    /// Makes sure that it did what it was asked for, in silence otherwise.
    CommandRun succeeded() {
        assertThat(this).matches(run -> run.status == 0 && run.err.isEmpty() && !run.out.isEmpty());
        return this;
    }

    /// Makes sure that it failed as failures should look: this code, one line on standard error, nothing else.
    CommandRun failed(int code) {
        assertThat(this).matches(run -> run.status == code && run.out.isEmpty());
        assertThat(err)
                .as("the error of %s", arguments)
                .startsWith("plumbline: ")
                .endsWith(System.lineSeparator());
        assertThat(err.lines()).as("lines of the error").hasSize(1);
        assertThat(err).doesNotContain("internal fault", "Exception", " null").hasSizeLessThan(LONGEST_ERROR);
        return this;
    }

    /// Makes sure that it did one or the other.
    CommandRun succeededOrFailed() {
        return status == 0 ? succeeded() : failed(1);
    }

    JsonNode json() throws IOException {
        return new ObjectMapper().readTree(out);
    }

    /// Its output, one JSON object a line.
    List<JsonNode> jsonLines() throws IOException {
        return jsonLines(out);
    }

    /// The lines that are whole, each a JSON object.
    static List<JsonNode> jsonLines(String text) throws IOException {
        List<JsonNode> objects = new ArrayList<>();
        String whole = text.substring(0, text.lastIndexOf('\n') + 1);
        for (String line : whole.lines().toList()) {
            objects.add(new ObjectMapper().readTree(line));
        }
        return objects;
    }
}
