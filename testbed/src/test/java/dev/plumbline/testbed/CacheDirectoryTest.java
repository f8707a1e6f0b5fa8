package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class CacheDirectoryTest {
    @TempDir
    private Path directory;

    @Test
    void entryIsMadeOnceHoweverManyAskAtTheSameTime() throws Exception {
        AtomicInteger made = new AtomicInteger();
        CacheDirectory cache = new CacheDirectory(directory);
        Callable<String> asking = () -> Files.readString(cache.entry("a/b", target -> {
            Files.writeString(target, "made");
            made.incrementAndGet();
        }));
        try (var threads = Executors.newFixedThreadPool(8)) {
            for (var answer :
                    threads.invokeAll(Stream.generate(() -> asking).limit(8).toList())) {
                assertThat(answer.get()).isEqualTo("made");
            }
        }
        assertThat(made).hasValue(1);
    }

    @Test
    void failedAttemptLeavesNothingAndCanBeRepeated() throws IOException {
        CacheDirectory cache = new CacheDirectory(directory);
        assertThatThrownBy(() -> cache.entry("tree", target -> {
                    Files.createDirectories(target.resolve("half"));
                    throw new IOException("broken");
                }))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("broken");
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).containsExactly(directory.resolve("lock"));
        }
        assertThat(cache.entry("tree", Files::createDirectory)).isDirectory();
    }
}
