package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class XenOptionsTest {
    @Test
    void eachPartChangesAlone() {
        XenOptions host = XenOptions.DEFAULT
                .withMemoryMib(2048, 768)
                .withContent(Path.of("/c"))
                .withBreakpoints(true);
        assertThat(host.toString())
                .isEqualTo(
                        "XenOptions[memoryMib=2048, dom0MemoryMib=768, content=Optional[/c], reportsBreakpoints=true]");
        DomainOptions domain = DomainOptions.DEFAULT
                .withKernel(GuestKernel.V6_12)
                .withCpus(2)
                .withMemoryMib(128)
                .withAppend("quiet");
        assertThat(domain).isEqualTo(new DomainOptions(GuestKernel.V6_12, 2, 128, "quiet"));
    }

    @Test
    void whatNoHostCanBeIsRefused() {
        assertRefused(() -> XenOptions.DEFAULT.withMemoryMib(1023, 256), "1023");
        assertRefused(() -> XenOptions.DEFAULT.withMemoryMib(1400, 889), "256 to 888 MiB of memory, not 889");
    }

    @Test
    void whatNoDomainCanBeIsRefused() {
        assertRefused(() -> DomainOptions.DEFAULT.withCpus(0), "not 0");
        assertRefused(() -> DomainOptions.DEFAULT.withMemoryMib(127), "not 127");
        assertRefused(() -> DomainOptions.DEFAULT.withAppend("a'; reboot; '"), "cannot hold");
        assertRefused(() -> DomainOptions.DEFAULT.withAppend("a\nb"), "cannot hold");
    }

    private static void assertRefused(Runnable making, String reason) {
        assertThatThrownBy(making::run)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(reason);
    }
}
