package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The demo tells the whole story, the guest agrees with what was seen of it from outside, and no alert comes but for
/// the file that is hidden.
@Tag("guest")
@Timeout(300)
class DemoGuestTest {
    private static final String HIDING = "guest# insmod hide_file.ko";

    @TempDir
    private Path directory;

    @Test
    void theStoryIsTold() throws Exception {
        Path left = directory.resolve("left");
        LauncherForTests.Command demo = new LauncherForTests(directory).start("demo", "--output", left.toString());
        assertThat(demo.process().waitFor(280, TimeUnit.SECONDS)).isTrue();
        List<String> lines = LauncherForTests.outLines(demo);
        assertThat(demo.process().exitValue())
                .as("%s%n%s", lines, demo.errorLines())
                .isZero();
        String guest = "demo-" + demo.process().pid();
        assertSeen(lines, guest);
        assertNoticed(lines);
        assertThat(demo.errorLines()).last().isEqualTo("nothing of ours is in the guest");
        assertThat(CommandRun.of("model", "show", left.resolve("model").toString())
                        .succeeded()
                        .out())
                .contains("getdents64");
        assertThat(Files.readString(left.resolve("alerts.jsonl"))).contains("list_without [hide_file]");
        assertThat(CommandRun.of("testbed", "list").out()).doesNotContain(guest);
    }

    private static void assertSeen(List<String> lines, String guest) {
        assertThat(lines)
                .filteredOn(line -> line.startsWith("qemu:" + guest))
                .singleElement()
                .asString()
                .contains("can be attached");
        assertThat(lines)
                .contains("$ plumbline inspect " + guest)
                .anyMatch(line -> line.endsWith("|  __x64_sys_getdents64() {"))
                .noneMatch(line -> line.endsWith("DIFFERENT"));
        assertThat(lines)
                .filteredOn(line -> line.matches(".* (\\d+) +\\1 +equal"))
                .extracting(line -> line.substring(0, line.indexOf("  ")))
                .containsExactly("symbols", "modules", "probe sites", "KASLR slide in MiB");
    }

    private static void assertNoticed(List<String> lines) {
        int hiding = lines.indexOf(lines.stream()
                .filter(line -> line.startsWith(HIDING))
                .findFirst()
                .orElseThrow());
        assertThat(lines.subList(0, hiding)).noneMatch(line -> line.matches("(MEDIUM|HIGH|CRITICAL) .*"));
        assertThat(lines.subList(hiding, lines.size()))
                .anyMatch(line -> line.matches("(HIGH|CRITICAL) .* list_without \\[hide_file].*"))
                .anyMatch(line -> line.startsWith("The first alert on it came "));
    }
}
