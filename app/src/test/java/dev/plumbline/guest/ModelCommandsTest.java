package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.learning.SketchWorkload;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `model show`, `diff` and `merge`, on models of a small kernel.
@Timeout(60)
class ModelCommandsTest {
    @TempDir
    private Path directory;

    private String some;
    private String other;

    @BeforeEach
    void learn() throws Exception {
        some = write("some", "ext4_read", "ext4_read", "proc_read");
        other = write("other", "ext4_read", "tick");
    }

    private String write(String name, String... readers) throws Exception {
        Path path = directory.resolve(name);
        Learner learner = new Learner(SketchWorkload.IDENTITY);
        SketchWorkload workload = new SketchWorkload(learner);
        for (String reader : readers) {
            workload.read(reader).work();
        }
        workload.finish();
        try (ModelFile file = ModelFile.hold(path)) {
            file.replace(learner.model(0));
        }
        return path.toString();
    }

    private static JsonNode json(String... arguments) throws Exception {
        return CommandRun.of(arguments).succeeded().json();
    }

    @Test
    void showPrintsALineForEachContext() throws Exception {
        String text = CommandRun.of("model", "show", some).succeeded().out();
        assertThat(text).contains("build id      b01dface");
        assertThat(text.lines()).anyMatch(line -> line.matches("read +3 +4 +6 +6 +50% +50% +50%"));
        assertThat(text.lines()).anyMatch(line -> line.matches("kernel thread kworker +3 +2 +2 +2 +25% +25% +25%"));
        JsonNode all = json("model", "show", some, "--json");
        assertThat(all.path("systemCalls").asInt()).isEqualTo(3);
        assertThat(all.path("contexts")).hasSize(2);
        assertThat(all.path("unseen").path("path").asDouble()).isEqualTo(0.5);
    }

    @Test
    void showOfASystemCallHasItsFunctionsAndTargets() throws Exception {
        String text = CommandRun.of("model", "show", some, "--syscall", "read")
                .succeeded()
                .out();
        assertThat(text.lines()).anyMatch(line -> line.matches("lock +6 +3"));
        assertThat(text.lines()).anyMatch(line -> line.matches("__x64_sys_read\\+0x[0-9a-f]+ +ext4_read, proc_read"));
        JsonNode read = json("model", "show", some, "--syscall", "read", "--json");
        assertThat(read.path("paths").path(1).path("parent").asInt()).isZero();
        assertThat(read.path("edges"))
                .anyMatch(edge -> edge.path("function").asText().equals("proc_read")
                        && edge.path("indirect").asBoolean());
        assertThat(CommandRun.of("model", "show", some, "--syscall", "mkdir")
                        .failed(1)
                        .err())
                .contains("knows nothing of mkdir");
    }

    @Test
    void diffSaysWhatOnlyOneKnows() throws Exception {
        JsonNode difference = json("model", "diff", some, other, "--json");
        assertThat(difference
                        .path("onlyFirst")
                        .path(0)
                        .path("functions")
                        .path(0)
                        .asText())
                .isEqualTo("proc_read");
        assertThat(difference
                        .path("onlySecond")
                        .path(0)
                        .path("functions")
                        .path(0)
                        .asText())
                .isEqualTo("tick");
        assertThat(CommandRun.of("model", "diff", some, other).succeeded().out())
                .contains("only " + some + " knows 1 functions, 2 edges and 2 paths", "    proc_read");
        assertThat(CommandRun.of("model", "diff", some, some).succeeded().out()).startsWith("both know the same");
    }

    @Test
    void mergeAddsAndMayWriteOverOneOfThem() throws Exception {
        assertThat(CommandRun.of("model", "merge", "-o", some, some, other).status())
                .isZero();
        JsonNode read = json("model", "show", some, "--syscall", "read", "--json");
        assertThat(read.path("flows").asInt()).isEqualTo(5);
        assertThat(read.path("functions").path(1).path("calls").asInt()).isEqualTo(10);
    }

    @Test
    void whatIsNoModelIsNeitherReadNorOverwritten() throws Exception {
        Path precious = Files.writeString(directory.resolve("precious"), "not a model");
        assertThat(CommandRun.of("model", "merge", "-o", precious.toString(), some, other)
                        .failed(1)
                        .err())
                .contains("precious is no model");
        assertThat(precious).hasContent("not a model");
        assertThat(CommandRun.of("model", "show", directory.resolve("none").toString())
                        .failed(1)
                        .err())
                .contains("there is no file");
        assertThat(CommandRun.of("model", "show", directory.toString())
                        .failed(1)
                        .err())
                .contains("no regular file");
        assertThat(CommandRun.of("model", "merge", "-o", "/proc/none/model", some)
                        .failed(1)
                        .err())
                .contains("there is no file or directory");
    }

    @Test
    void wrongUsageIsOneLine() {
        CommandRun.of("model").failed(2);
        CommandRun.of("learn", "nobody").failed(2);
        CommandRun.of("learn", "nobody", "--model", some, "--mode", "edge").failed(2);
        CommandRun.of("learn", "nobody", "--model", some, "--until-stable", "2").failed(2);
        CommandRun.of("learn", "nobody", "--model", some, "--functions", "direct")
                .failed(2);
    }
}
