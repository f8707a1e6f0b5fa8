package dev.plumbline.machine.proc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import org.junit.jupiter.api.Test;

class ProcessMappingTest {

    @Test
    void linesAreReadAsTheManualSays() {
        assertThat(ProcessMapping.parse("""
                7f0afbfff000-7f0b0bfff000 rw-s 00001000 00:01 1030                       /memfd:a b (deleted)
                7f62000000-7f62020000 rw-p 00000000 00:00 0\s
                not a line
                ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
                """))
                .containsExactly(
                        new ProcessMapping(
                                0x7f0afbfff000L,
                                0x7f0b0bfff000L,
                                true,
                                true,
                                0x1000,
                                "00:01",
                                1030,
                                "/memfd:a b (deleted)"),
                        new ProcessMapping(0x7f62000000L, 0x7f62020000L, true, false, 0, "00:00", 0, ""),
                        new ProcessMapping(
                                0xffffffffff600000L, 0xffffffffff601000L, false, false, 0, "00:00", 0, "[vsyscall]"));
    }

    @Test
    void thisProcessHasMappings() throws GuestException {
        assertThat(ProcessMapping.of(ProcessHandle.current().pid()))
                .anyMatch(mapping -> mapping.path().equals("[stack]"));
    }

    @Test
    void aProcessThatThereIsNotIsGone() {
        assertThatThrownBy(() -> ProcessMapping.of(1L << 40)).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(() -> ProcessMemory.open(1L << 40)).isInstanceOf(GuestGoneException.class);
    }
}
