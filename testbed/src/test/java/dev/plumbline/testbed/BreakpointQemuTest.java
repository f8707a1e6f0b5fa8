package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class BreakpointQemuTest {
    private static final Path NAME = Path.of("/usr/bin/qemu-system-x86_64");
    private static final String KNOWN = "4c89c931d2be75000000e8";

    @Test
    void oneInstructionIsChanged() throws GuestException {
        assertThat(changed("90" + KNOWN + "12345678c3")).isEqualTo("904c89c931d2418d742440e812345678c3");
    }

    @Test
    void anotherBuildIsRefused() {
        for (String program : new String[] {"", "90c3", KNOWN + KNOWN, KNOWN.replace("75", "76")}) {
            assertThatThrownBy(() -> changed(program))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining(NAME + " is not the QEMU 7.2 of Debian 12");
        }
    }

    private static String changed(String program) throws GuestException {
        return HexFormat.of()
                .formatHex(BreakpointQemu.changed(NAME, HexFormat.of().parseHex(program)));
    }
}
