package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class XenVersionTest {
    @TempDir
    private Path system;

    private void says(String type, String major, String minor) throws Exception {
        Files.createDirectories(system.resolve("version"));
        Files.writeString(system.resolve("type"), type + "\n");
        Files.writeString(system.resolve("version/major"), major + "\n");
        Files.writeString(system.resolve("version/minor"), minor + "\n");
    }

    @Test
    void theVersionThatIsKnownIsTaken() throws Exception {
        says("xen", "4", "17");
        assertThat(XenVersion.of(system)).hasToString("4.17");
    }

    @Test
    void anotherVersionIsOneLine() throws Exception {
        says("xen", "4", "99");
        assertThatThrownBy(() -> XenVersion.of(system))
                .hasMessageContaining("Xen 4.99")
                .hasMessageNotContaining("\n");
    }

    @Test
    void aHostThatIsNotOnXenIsOneLine() throws Exception {
        assertThatThrownBy(() -> XenVersion.of(system)).hasMessageStartingWith("this host does not run on Xen");
        says("kvm", "4", "17");
        assertThatThrownBy(() -> XenVersion.of(system)).hasMessageStartingWith("this host does not run on Xen");
    }

    @Test
    void whatIsNoVersionIsOneLine() throws Exception {
        says("xen", "four", "17");
        assertThatThrownBy(() -> XenVersion.of(system))
                .hasMessageStartingWith("cannot read Xen's version")
                .hasMessageNotContaining("\n");
    }
}
