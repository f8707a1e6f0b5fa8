package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The demo shows what it promises, and the guest agrees with what was seen of it from outside.
@Tag("guest")
@Timeout(120)
class DemoGuestTest {
    @Test
    void guestAgreesWithWhatIsSeenOfIt() {
        CommandRun demo = CommandRun.of("demo");
        assertThat(demo.status()).as(demo.err()).isZero();
        String guest = "demo-" + ProcessHandle.current().pid();
        assertThat(demo.out().lines())
                .filteredOn(line -> line.startsWith("qemu:" + guest))
                .singleElement()
                .asString()
                .contains("can be attached");
        assertThat(demo.out())
                .contains("$ plumbline inspect " + guest, "KASLR slide", "__x64_sys_getdents64")
                .doesNotContain("DIFFERENT");
        assertThat(demo.out().lines())
                .filteredOn(line -> line.matches(".* (\\d+) +\\1 +equal"))
                .extracting(line -> line.substring(0, line.indexOf("  ")))
                .containsExactly("symbols", "modules", "probe sites", "KASLR slide in MiB");
        assertThat(CommandRun.of("testbed", "list").out()).doesNotContain(guest);
    }
}
