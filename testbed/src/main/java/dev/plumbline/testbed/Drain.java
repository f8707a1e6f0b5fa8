package dev.plumbline.testbed;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;

/// Reads a stream to its end beside the thread that waits for the writer, so that neither blocks the other.
final class Drain {
    private final ByteArrayOutputStream collected = new ByteArrayOutputStream();
    private final Thread reader;

    private Drain(InputStream source) {
        reader = Thread.ofVirtual().start(() -> {
            try (source) {
                source.transferTo(collected);
            } catch (IOException e) {
                // The writer was killed: what came before that is what there is.
            }
        });
    }

    static Drain of(InputStream source) {
        return new Drain(source);
    }

    byte[] bytes() throws InterruptedException {
        reader.join();
        return collected.toByteArray();
    }
}
