package dev.plumbline.probe;

import java.util.List;

/// What probes do.
///
/// @param mode what they record
/// @param checksIndirect whether calls through pointers are checked too: those that lead to no known function are
/// events
/// @param takesTimes whether the time stamp counter is read at each call, not only where tasks are switched; a reading
///   takes as much room as a call. Not for [RecordingMode#EDGE]
/// @param known what is not told from the start on, for [RecordingMode#EDGE]: of code that stays where it is. What
///   matters most stands last, in case there is not room for all
public record Recording(RecordingMode mode, boolean checksIndirect, boolean takesTimes, List<KnownEdge> known) {

    /// @throws IllegalArgumentException if the options exclude each other
    public Recording {
        if (takesTimes && mode == RecordingMode.EDGE) {
            throw new IllegalArgumentException("edges have no times");
        }
        if (!known.isEmpty() && mode != RecordingMode.EDGE) {
            throw new IllegalArgumentException("every call is told, known or not");
        }
        known = List.copyOf(known);
    }

    /// With nothing known.
    public Recording(RecordingMode mode, boolean checksIndirect, boolean takesTimes) {
        this(mode, checksIndirect, takesTimes, List.of());
    }

    /// Without times, with nothing known.
    public Recording(RecordingMode mode, boolean checksIndirect) {
        this(mode, checksIndirect, false);
    }
}
