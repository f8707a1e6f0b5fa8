package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

    @ParameterizedTest
    @ValueSource(strings = {"4.17", "4.18", "4.21"})
    void aVersionThatIsKnownIsTaken(String version) throws Exception {
        says(version);
        assertThat(XenVersion.of(system)).hasToString(version);
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.16", "4.22", "3.17", "5.17"})
    void anotherVersionIsOneLine(String version) throws Exception {
        says(version);
        assertThatThrownBy(() -> XenVersion.of(system))
                .hasMessageContaining("Xen " + version + ",")
                .hasMessageNotContaining("\n");
    }

    private void says(String version) throws Exception {
        says("xen", version.substring(0, 1), version.substring(2));
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
