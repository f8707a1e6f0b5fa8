package dev.plumbline.probe;

/// What probes record.
public enum RecordingMode {
    /// Every call. Where events come faster than they are read the oldest are overwritten, and counted.
    FULL,

    /// Every call, and the guest waits where its rings are full: with interrupts off and in NMIs too, if a function is
    /// entered there, so it is for short traces and readers that keep up. A reader that stays away for half a
    /// second is waited for no longer; what is overwritten then is counted.
    LOSSLESS,

    /// Each combination of function, place of the call and system call once, or a few times: the guest remembers
    /// some hundred thousand, and reports again what it has forgotten. When events are lost, and when modules come
    /// or go, it forgets all but [Recording#known], so that nothing new stays unseen.
    EDGE
}
