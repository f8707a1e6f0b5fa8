package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuestDirectoryTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "-x", "a/b", "a b", "ä", "a\nb", "a,b", "123456789012345678901234567890123"})
    void nameThatCouldMisleadIsRefused(String name) {
        assertThatThrownBy(() -> GuestDirectory.of(directory, name))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("cannot name a guest")
                .message()
                .doesNotContain("\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "web-1", "k6.12_x", "12345678901234567890123456789012"})
    void plainNameIsAccepted(String name) throws GuestException {
        assertThat(GuestDirectory.of(Path.of("/run/plumbline/testbed"), name).name())
                .isEqualTo(name);
    }

    @Test
    void pathTooLongForSocketsIsRefused() {
        Path deep = Path.of("/run/" + "x".repeat(100));
        assertThatThrownBy(() -> GuestDirectory.of(deep, "a")).hasMessageContaining("too long");
    }

    @Test
    void optionsComeBackAsWritten() throws IOException {
        GuestDirectory guest = new GuestDirectory(directory);
        GuestOptions options = GuestOptions.DEFAULT
                .withKernel(GuestKernel.V6_12)
                .withCpus(3)
                .withMemoryMib(700)
                .withKvm(true);
        guest.writeOptions(options);
        assertThat(guest.readOptions()).isEqualTo(options);
    }

    @Test
    void damagedOptionsGiveOneClearError() throws IOException {
        GuestDirectory guest = new GuestDirectory(directory);
        Files.writeString(directory.resolve("options"), "cpus=many\n");
        assertThatThrownBy(guest::readOptions)
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("damaged");
    }

    @Test
    void panickedKernelsConsoleTellsWhy() throws IOException {
        GuestDirectory guest = new GuestDirectory(directory);
        Files.writeString(guest.consoleLog(), """
                [    1.4] BUG: unable to handle page fault for address: ffffffffffffff00
                [    1.4] Code: 00 00
                [    1.4] RIP: 0010:schedule+0x1/0x2
                [    1.5] RIP: 0010:again+0x1/0x2
                [    1.6] Kernel panic - not syncing: Fatal exception in interrupt
                [    1.6] ---[ end Kernel panic ]---
                """);
        assertThat(guest.lastConsoleLine())
                .isEqualTo("[    1.4] BUG: unable to handle page fault for address: ffffffffffffff00"
                        + " [    1.4] RIP: 0010:schedule+0x1/0x2");
    }

    @Test
    void breakpointThatIsNobodysIsQemusFault() throws IOException {
        GuestDirectory guest = new GuestDirectory(directory);
        String fault = "[    1.5] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n";
        Files.writeString(guest.consoleLog(), fault);
        assertThat(guest.ranStaleCode()).isFalse();
        Files.writeString(guest.consoleLog(), fault + "[    1.6] Kernel panic - not syncing: Fatal exception\n");
        assertThat(guest.ranStaleCode()).isTrue();
        Files.writeString(
                guest.consoleLog(),
                "[    1.4] BUG: unable to handle page fault\n[    1.6] Kernel panic - not syncing: Fatal exception\n");
        assertThat(guest.ranStaleCode()).isFalse();
    }

    @Test
    void panicIsSeenAtTheEndOfLongConsole() throws IOException {
        GuestDirectory guest = new GuestDirectory(directory);
        Files.writeString(
                guest.consoleLog(),
                "x\n".repeat(100_000) + "Kernel panic - not syncing: out\r\n\u001b[0m last \r\n\r\n");
        assertThat(guest.panicked()).isTrue();
        assertThat(guest.lastConsoleLine()).isEqualTo("[0m last");
    }
}
