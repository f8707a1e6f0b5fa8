package dev.plumbline.monitoring;

/// What an alert was found by.
public enum Detector {
    /// What no kernel does, whatever was learnt.
    STATIC_RULE,
    /// Code or read-only data in memory compared with what was there.
    INTEGRITY,
    /// The model's sets of functions.
    SET,
    /// The model's edges.
    EDGE,
    /// The model's paths.
    PATH
}
