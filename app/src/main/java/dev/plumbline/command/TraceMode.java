package dev.plumbline.command;

import dev.plumbline.probe.RecordingMode;

/// The values of `--mode`, spelt as they are typed.
enum TraceMode {
    full,
    lossless,
    edge;

    RecordingMode recording() {
        return switch (this) {
            case full -> RecordingMode.FULL;
            case lossless -> RecordingMode.LOSSLESS;
            case edge -> RecordingMode.EDGE;
        };
    }
}
