package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.inline.InlineEngine;

/// What is left in the rings when probes have been taken out. A vCPU may stand behind a probe's call then, with its
/// event still to be written, for as long as its host has no processor for it.
final class PolledToTheEnd {
    private static final long LONGEST_NANOS = 10_000_000_000L;

    private PolledToTheEnd() {}

    /// Takes the rest, and makes sure that each hit was seen or is counted as lost.
    ///
    /// @param afterEach what is done between two looks
    static void of(InlineEngine engine, CallEventSink sink, Runnable afterEach) throws GuestException {
        long start = System.nanoTime();
        boolean isAll = false;
        while (!isAll && System.nanoTime() - start < LONGEST_NANOS) {
            while (engine.poll(sink) > 0) {
                afterEach.run();
            }
            isAll = engine.hits() == engine.seen() + engine.lost();
        }
        assertThat(engine.hits()).isEqualTo(engine.seen() + engine.lost());
    }
}
