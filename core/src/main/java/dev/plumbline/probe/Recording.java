package dev.plumbline.probe;

/// What probes do.
///
/// @param mode what they record
/// @param checksIndirect whether calls through pointers are checked too: those that lead to no known function are
/// events
/// @param takesTimes whether the time stamp counter is read at each call, not only where tasks are switched; a reading
///   takes as much room as a call. Not for [RecordingMode#EDGE]
public record Recording(RecordingMode mode, boolean checksIndirect, boolean takesTimes) {

    /// @throws IllegalArgumentException if the options exclude each other
    public Recording {
        if (takesTimes && mode == RecordingMode.EDGE) {
            throw new IllegalArgumentException("edges have no times");
        }
    }

    /// Without times.
    public Recording(RecordingMode mode, boolean checksIndirect) {
        this(mode, checksIndirect, false);
    }
}
