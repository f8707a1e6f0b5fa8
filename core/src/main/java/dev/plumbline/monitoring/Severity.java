package dev.plumbline.monitoring;

/// How grave an alert is, the least first.
public enum Severity {
    /// New, and possible by the code as built: most likely the guest does something for the first time.
    LOW,
    /// New, and only just possible.
    MEDIUM,
    /// Control flow that the model and the kind of the call rule out.
    HIGH,
    /// Code that is not the kernel's, or not as it was built. Needs no learning.
    CRITICAL
}
