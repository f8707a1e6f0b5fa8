package dev.plumbline.learning;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Writes a growing model to its file every few seconds, on a thread of its own, so that whoever learns
/// goes on meanwhile. For one thread.
public final class ModelKeeper implements AutoCloseable {
    private static final long LEAST_PAUSE_NANOS = 3_000_000_000L;
    // Writing takes a tenth of a core at most.
    private static final long PAUSE_FACTOR = 9;

    private final ModelFile file;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("model").factory());
    private Future<Long> writing;
    private long nextNanos;

    /// @param file where to; stays open when this is closed
    public ModelKeeper(ModelFile file) {
        this.file = file;
        this.nextNanos = System.nanoTime() + LEAST_PAUSE_NANOS;
    }

    /// Whether it is time for [#keep]: nothing is being written, and the last time is long enough ago.
    ///
    /// @throws IOException if the last write failed
    public boolean isDue() throws IOException {
        if (writing != null && writing.isDone()) {
            await();
        }
        return writing == null && System.nanoTime() - nextNanos >= 0;
    }

    /// Begins to write.
    ///
    /// @throws IOException if the last write failed
    public void keep(Model model) throws IOException {
        await();
        writing = writer.submit(() -> {
            long start = System.nanoTime();
            file.replace(model);
            return System.nanoTime() - start;
        });
    }

    /// Writes, and waits until it is done.
    ///
    /// @throws IOException if this write or the last one failed
    public void keepLast(Model model) throws IOException {
        keep(model);
        await();
    }

    private void await() throws IOException {
        if (writing == null) {
            return;
        }
        Future<Long> awaited = writing;
        writing = null;
        try {
            long took = awaited.get();
            nextNanos = System.nanoTime() + Math.max(LEAST_PAUSE_NANOS, took * PAUSE_FACTOR);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException fault -> throw fault;
                case RuntimeException fault -> throw fault;
                case Error fault -> throw fault;
                default -> throw new IllegalStateException(e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ModelException("interrupted while the model was being written", e);
        }
    }

    /// Waits for what is being written.
    @Override
    public void close() throws IOException {
        writer.shutdown();
        await();
    }
}
