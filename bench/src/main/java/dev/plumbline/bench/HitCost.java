package dev.plumbline.bench;

import java.io.IOException;
import java.util.List;
import java.util.function.ToDoubleFunction;

/// What a hit of a breakpoint costs. Times are medians of all hits and in microseconds; core time, which a busy host
/// changes little, is the mean of all but the first and the last.
///
/// @param hits how many there were
/// @param stops how often the guest stood still for one
/// @param packets to QEMU and from it
/// @param roundTrips how often QEMU was waited for
/// @param outside how long the debugger had the next word
/// @param outsideAtBest how long in the fastest tenth of them at most: where nobody else computed meanwhile
/// @param held how long the guest stood still, QEMU's answers included
/// @param ran from when the guest was let run until it stood still again
/// @param debuggerCore what the debugger computed
/// @param qemuCore what QEMU computed
/// @param flushes how often QEMU gave up all that it had translated; NaN if not asked for
record HitCost(
        int hits,
        double stops,
        double packets,
        double roundTrips,
        double outside,
        double outsideAtBest,
        double held,
        double ran,
        double debuggerCore,
        double qemuCore,
        double flushes) {

    /// Reads core times at the second hit and at the one before the last.
    static final class CoreTimes {
        private final CoreClock debugger;
        private final CoreClock qemu;
        private final int last;
        private double debuggerSeconds;
        private double qemuSeconds;

        /// @param hits how many there will be, at least 4
        CoreTimes(CoreClock debugger, CoreClock qemu, int hits) {
            this.debugger = debugger;
            this.qemu = qemu;
            this.last = hits - 1;
        }

        void hit(int number) throws IOException {
            if (number == 2) {
                debuggerSeconds = -debugger.seconds();
                qemuSeconds = -qemu.seconds();
            } else if (number == last) {
                debuggerSeconds += debugger.seconds();
                qemuSeconds += qemu.seconds();
            }
        }

        private double micros(double seconds) {
            return seconds * 1e6 / (last - 2);
        }
    }

    /// Tells how long something has computed.
    interface CoreClock {
        double seconds() throws IOException;
    }

    /// As QEMU has logged it.
    static HitCost of(List<StubLog.Hit> hits, CoreTimes core) {
        double count = hits.size();
        return new HitCost(
                hits.size(),
                hits.stream().mapToInt(StubLog.Hit::stops).sum() / count,
                hits.stream().mapToInt(hit -> hit.received() + hit.sent()).sum() / count,
                hits.stream().mapToInt(StubLog.Hit::roundTrips).sum() / count,
                median(hits, StubLog.Hit::outsideMicros),
                ranked(hits, StubLog.Hit::outsideMicros, (hits.size() - 1) / 10),
                median(hits, StubLog.Hit::heldMicros),
                median(hits, StubLog.Hit::ranMicros),
                core.micros(core.debuggerSeconds),
                core.micros(core.qemuSeconds),
                Double.NaN);
    }

    /// With what the debugger itself has counted: QEMU does not see what was sent together.
    HitCost withRoundTrips(double counted) {
        return new HitCost(
                hits, stops, packets, counted, outside, outsideAtBest, held, ran, debuggerCore, qemuCore, flushes);
    }

    HitCost withFlushes(double counted) {
        return new HitCost(
                hits, stops, packets, roundTrips, outside, outsideAtBest, held, ran, debuggerCore, qemuCore, counted);
    }

    private static double median(List<StubLog.Hit> hits, ToDoubleFunction<StubLog.Hit> value) {
        return ranked(hits, value, (hits.size() - 1) / 2);
    }

    private static double ranked(List<StubLog.Hit> hits, ToDoubleFunction<StubLog.Hit> value, int rank) {
        return hits.stream().mapToDouble(value).sorted().skip(rank).findFirst().orElseThrow();
    }
}
