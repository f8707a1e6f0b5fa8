package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Verified by busybox's cpio, which shares no code with ours.
@Timeout(30)
class CpioArchiveTest {
    @TempDir
    private Path directory;

    private final byte[] content = new byte[12_345];

    @BeforeEach
    void fillContent() {
        new Random(20).nextBytes(content);
    }

    @Test
    void cpioListsWhatWasAdded() throws IOException {
        byte[] listing = cpio("busybox cpio -t < archive");
        assertThat(new String(listing, StandardCharsets.UTF_8).lines())
                .containsExactly("a", "a/odd", "a/run", "a/link", "a/empty");
    }

    @Test
    void cpioUnpacksContentLinksAndModes() throws IOException {
        cpio("busybox cpio -i < archive");
        assertThat(directory.resolve("a/odd")).hasBinaryContent(content);
        assertThat(directory.resolve("a/empty")).isEmptyFile();
        assertThat(Files.readSymbolicLink(directory.resolve("a/link"))).isEqualTo(Path.of("odd"));
        assertThat(directory.resolve("a/run")).isExecutable().hasContent("#!/bin/sh\n");
        assertThat(Files.isExecutable(directory.resolve("a/odd"))).isFalse();
    }

    @Test
    void equalContentGivesEqualBytes() {
        assertThat(archive()).isEqualTo(archive()).hasSizeGreaterThan(content.length);
    }

    private byte[] archive() {
        CpioArchive archive = new CpioArchive();
        archive.directory("a");
        archive.file("a/odd", content);
        archive.program("a/run", "#!/bin/sh\n".getBytes(StandardCharsets.UTF_8));
        archive.link("a/link", "odd");
        archive.file("a/empty", new byte[0]);
        return archive.finish();
    }

    private byte[] cpio(String script) throws IOException {
        Files.write(directory.resolve("archive"), archive());
        return HostCommand.output(directory, 20, List.of("sh", "-c", script));
    }
}
