package dev.plumbline.command;

/// The values of `monitor --mode`, spelt as they are typed.
enum MonitorMode {
    /// What is new leaves the guest, and each call is compared by itself.
    edge,
    /// Every call leaves the guest, and chains of calls are compared too.
    full
}
