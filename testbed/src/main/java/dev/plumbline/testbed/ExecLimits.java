package dev.plumbline.testbed;

import java.time.Duration;

/// How long to wait for a guest. While a command runs, the guest's agent reports once a second, so that silence
/// means a guest that is stopped, dead or hopelessly busy, however long the command takes.
///
/// @param silence longest time without any word from the guest
/// @param total longest time a command may take
public record ExecLimits(Duration silence, Duration total) {
    /// 30 seconds of silence, ten minutes in all.
    public static final ExecLimits DEFAULT = new ExecLimits(Duration.ofSeconds(30), Duration.ofMinutes(10));

    /// Other limits of silence and the same total.
    public ExecLimits withSilence(Duration other) {
        return new ExecLimits(other, total);
    }

    /// Another total and the same limit of silence.
    public ExecLimits withTotal(Duration other) {
        return new ExecLimits(silence, other);
    }
}
