package dev.plumbline.extraction;

import java.util.SplittableRandom;

/// What was last found out about pairs of a site and a return address: one cache line instead of two in tables of
/// megabytes, since a kernel makes the same few thousand calls most of the time. A pair has one place and gives way to
/// the next one there; which pairs share a place is secret, as in [LongTable]. For one thread.
final class RecentCalls {
    private static final int PLACES_LOG2 = 13;
    private static final int PLACE_LONGS = 4;

    private final long multiplier = new SplittableRandom().nextLong() | 1;
    private final long[] calls = new long[PLACE_LONGS << PLACES_LOG2];

    /// The only place where the pair can be.
    int place(long site, long returnAddress) {
        return (int) ((site ^ returnAddress * multiplier) * multiplier >>> Long.SIZE - PLACES_LOG2) * PLACE_LONGS;
    }

    /// Whether the pair is at its place. The pair of zeros always is: it means nothing.
    boolean has(int place, long site, long returnAddress) {
        return calls[place] == site && calls[place + 1] == returnAddress;
    }

    void put(int place, long site, long returnAddress, long entry, long origin) {
        calls[place] = site;
        calls[place + 1] = returnAddress;
        calls[place + 2] = entry;
        calls[place + 3] = origin;
    }

    long entry(int place) {
        return calls[place + 2];
    }

    long origin(int place) {
        return calls[place + 3];
    }
}
