package dev.plumbline.probe.inline;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.RecordingMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Reads recorded rings as [Rings] does those of a guest.
public final class RingReplay {
    private static final PhysicalAddress ANYWHERE = new PhysicalAddress(0);

    private final PhysicalMemory memory;
    private final MemorySegment tickets = Arena.ofAuto().allocate(8, 8);
    private final List<RingReader> rings = new ArrayList<>();

    /// @param memory gives what was read of the rings, whatever the address
    public RingReplay(PhysicalMemory memory, int cpuCount) {
        this.memory = memory;
        for (int cpu = 0; cpu < cpuCount; cpu++) {
            rings.add(new RingReader(cpu, memory, ANYWHERE, ANYWHERE, Rings.SLOTS_LOG2, RecordingMode.FULL));
        }
    }

    /// Hands on what was read in one round.
    ///
    /// @throws GuestException if the recording is not one of rings
    public void poll(CallEventSink sink) throws GuestException {
        // The engine first looks whether somebody waits at its gate.
        memory.read(ANYWHERE, tickets);
        for (RingReader ring : rings) {
            ring.poll(sink);
        }
    }
}
