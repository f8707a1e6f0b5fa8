package dev.plumbline.report;

/// How readings of the time stamp counter become microseconds.
///
/// @param ticksPerMicrosecond how fast it counts; 0 where calls have no times of their own
public record TimeScale(double ticksPerMicrosecond) {
    /// Calls have no times of their own.
    public static final TimeScale NONE = new TimeScale(0);

    /// @param kilohertz how fast the counter counts
    public static TimeScale of(long kilohertz) {
        return new TimeScale(kilohertz / 1e3);
    }

    /// Whether calls have times.
    public boolean isKnown() {
        return ticksPerMicrosecond > 0;
    }

    /// The microseconds between two readings.
    public double micros(long from, long to) {
        return (to - from) / ticksPerMicrosecond;
    }
}
