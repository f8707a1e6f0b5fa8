package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.proc.ProcessMapping;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedRamTest {
    private static final int SIZE = 1 << 20;

    @TempDir
    private Path directory;

    @Test
    void aFileShorterThanTheMappingIsNotMapped() throws IOException {
        Path file = Files.write(directory.resolve("ram"), new byte[SIZE - 1]);

        assertThatThrownBy(() -> SharedRam.open(file, mapping())).isInstanceOf(IOException.class);
    }

    @Test
    void aFileTruncatedAfterwardsIsNoticedAndFatalToNobody() throws IOException {
        Path file = Files.write(directory.resolve("ram"), new byte[SIZE]);
        try (SharedRam ram = SharedRam.open(file, mapping())) {
            assertThat(ram.intact()).isTrue();
            try (RandomAccessFile writable = new RandomAccessFile(file.toFile(), "rw")) {
                writable.setLength(0);
            }

            assertThat(ram.intact()).isFalse();
            assertThatThrownBy(() -> MemorySegment.copy(ram.bytes(), 0, MemorySegment.ofArray(new byte[SIZE]), 0, SIZE))
                    .isInstanceOf(InternalError.class);
        }
    }

    private static ProcessMapping mapping() {
        return new ProcessMapping(0x7f00_0000_0000L, 0x7f00_0000_0000L + SIZE, true, true, 0, "00:01", 5, "/ram");
    }
}
