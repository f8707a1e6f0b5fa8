package dev.plumbline.extraction;

/// How much may be kept of a guest that may do anything. What exceeds a limit is counted, or ends early and says so.
///
/// @param tasks tasks followed at a time; those that ran longest ago give way
/// @param callsInFlow calls kept of one flow
/// @param openCalls calls kept of all open flows together, 28 bytes each
/// @param waitingEvents events that wait for those of other CPUs, 32 bytes each
public record FlowLimits(int tasks, int callsInFlow, long openCalls, int waitingEvents) {

    /// Enough for thousands of tasks; about 500 MB where a guest does its worst, a few in normal use.
    public static final FlowLimits DEFAULT = new FlowLimits(16 << 10, 1 << 18, 4 << 20, 1 << 20);

    /// @throws IllegalArgumentException if there is no room for anything
    public FlowLimits {
        if (tasks < 16 || callsInFlow < FlowRoom.FIRST_CALLS || openCalls < callsInFlow || waitingEvents < 16) {
            throw new IllegalArgumentException("no room for a flow");
        }
        if (waitingEvents > 1 << 24 || callsInFlow > 1 << 28) {
            throw new IllegalArgumentException("more than an array holds");
        }
    }
}
