package dev.plumbline.probe.inline;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.RecordingMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Reads the ring of one CPU while the guest fills it.
///
/// A slot counts only if it was committed for its place in the course and was not about to be overwritten while it was
/// copied,
/// which the counter read after the copying tells. What has been overwritten is lost and counted. A slot that is
/// reserved and not yet committed is waited for; events behind it come later.
final class RingReader {
    private static final int BATCH_SLOTS = 1 << 14;
    private static final long KERNEL_HALF = 0xffff_0000_0000_0000L;
    private static final long WINDOW = 0xffff_ffff_0000_0000L;

    private final int cpu;
    private final PhysicalMemory memory;
    private final PhysicalAddress ring;
    private final PhysicalAddress counter;
    private final int slotsLog2;
    private final RecordingMode mode;
    private final long firstIndex;
    private final MemorySegment batch = Arena.ofAuto().allocate((long) BATCH_SLOTS << Recorder.SLOT_BYTES_LOG2, 64);
    private final MemorySegment counterWord = Arena.ofAuto().allocate(8, 8);
    private long next;
    private long seen;
    private long lost;

    RingReader(
            int cpu,
            PhysicalMemory memory,
            PhysicalAddress ring,
            PhysicalAddress counter,
            int slotsLog2,
            RecordingMode mode) {
        this.cpu = cpu;
        this.memory = memory;
        this.ring = ring;
        this.counter = counter;
        this.slotsLog2 = slotsLog2;
        this.mode = mode;
        this.firstIndex = 1L << slotsLog2;
        this.next = firstIndex;
    }

    /// Hands what had come when this was called to `sink`, so that it ends though the guest goes on.
    ///
    /// @return how many events
    /// @throws GuestException if the guest cannot be read, or its counter runs backwards
    long poll(CallEventSink sink) throws GuestException {
        long before = seen;
        long head = head();
        long end = head;
        boolean committed = true;
        while (committed && next < end) {
            lose(overwritten(head), sink);
            int slot = (int) (next & firstIndex - 1);
            int count = (int) Math.min(Math.min(head - next, BATCH_SLOTS), firstIndex - slot);
            memory.read(
                    ring.plus((long) slot << Recorder.SLOT_BYTES_LOG2),
                    batch.asSlice(0, (long) count << Recorder.SLOT_BYTES_LOG2));
            head = head();
            int torn = (int) Math.min(overwritten(head), count);
            lose(torn, sink);
            committed = deliver(torn, count, sink);
        }
        return seen - before;
    }

    // In lossless mode what is reserved beyond the ring's end waits to be written, unless somebody has given up.
    private long overwritten(long head) throws GuestException {
        long beyond = Math.max(0, head - firstIndex - next);
        return beyond > 0 && mode == RecordingMode.LOSSLESS && !hasGivenUp() ? 0 : beyond;
    }

    private boolean hasGivenUp() throws GuestException {
        memory.read(counter.plus(Counters.GAVE_UP_AT), counterWord.asSlice(0, 1));
        return counterWord.get(ValueLayout.JAVA_BYTE, 0) != 0;
    }

    private boolean deliver(int from, int to, CallEventSink sink) {
        for (int i = from; i < to; i++) {
            long at = (long) i << Recorder.SLOT_BYTES_LOG2;
            long commit = batch.get(ValueLayout.JAVA_LONG, at);
            if ((int) (commit >>> 32) != (int) (next << Recorder.SLOT_BYTES_LOG2)) {
                return false;
            }
            if ((int) commit == 0) {
                sink.time(cpu, batch.get(ValueLayout.JAVA_LONG, at + 8));
            } else if ((int) commit == Recorder.INDIRECT) {
                sink.indirect(
                        cpu,
                        batch.get(ValueLayout.JAVA_LONG, at + 24),
                        batch.get(ValueLayout.JAVA_LONG, at + 8),
                        batch.get(ValueLayout.JAVA_LONG, at + 16));
            } else if (mode == RecordingMode.EDGE) {
                long task = batch.get(ValueLayout.JAVA_LONG, at + 16);
                sink.edge(
                        cpu,
                        (WINDOW | commit) - InlineSites.BYTES,
                        batch.get(ValueLayout.JAVA_LONG, at + 8),
                        task | KERNEL_HALF,
                        (short) (task >>> 8 * (Recorder.SYSTEM_CALL_AT - 16)));
            } else {
                sink.call(
                        cpu,
                        (WINDOW | commit) - InlineSites.BYTES,
                        batch.get(ValueLayout.JAVA_LONG, at + 8),
                        batch.get(ValueLayout.JAVA_LONG, at + 16),
                        batch.get(ValueLayout.JAVA_LONG, at + 24) + Recorder.FRAME_BYTES);
            }
            next++;
            seen++;
        }
        return true;
    }

    /// Index of the slot that will be read next.
    long next() {
        return next;
    }

    int cpu() {
        return cpu;
    }

    long seen() {
        return seen;
    }

    long lost() {
        return lost;
    }

    /// How many times the guest has entered the recorder on this CPU.
    long entered() throws GuestException {
        return head() - firstIndex;
    }

    private long head() throws GuestException {
        memory.read(counter, counterWord);
        long head = Counters.course(counterWord.get(ValueLayout.JAVA_LONG, 0)) >>> Recorder.SLOT_BYTES_LOG2;
        if (head < next) {
            throw new GuestException(
                    "the event counter of CPU " + cpu + " ran backwards; something in the guest changed it");
        }
        return head;
    }

    private void lose(long count, CallEventSink sink) {
        if (count > 0) {
            lost += count;
            next += count;
            sink.lost(cpu, count);
        }
    }
}
