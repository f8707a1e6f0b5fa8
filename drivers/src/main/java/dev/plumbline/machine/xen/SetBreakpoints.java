package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.UnreadableMemoryException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The breakpoints that are set: int3 instructions in the guest's memory. They are changed while the guest stands
/// still.
final class SetBreakpoints {
    private static final byte[] INT3 = {DisplacedBytes.INT3};

    private final XenMemory memory;
    private final BreakpointJournal journal;
    private final Map<Long, BreakpointJournal.Entry> set = new HashMap<>();

    SetBreakpoints(XenMemory memory, BreakpointJournal journal) {
        this.memory = memory;
        this.journal = journal;
    }

    int count() {
        return set.size();
    }

    boolean has(long address) {
        return set.containsKey(address);
    }

    /// Sets one, unless there is one.
    ///
    /// @throws UnreadableMemoryException if the address is not mapped
    void insert(KernelPages pages, long address) throws GuestException {
        if (has(address)) {
            return;
        }
        PhysicalAddress place = pages.place(address)
                .orElseThrow(() -> new UnreadableMemoryException(
                        "no breakpoint can be set at 0x" + Long.toHexString(address) + ": nothing is mapped there"));
        byte own = byteAt(memory, place);
        BreakpointJournal.Entry entry = journal.add(address, place, own);
        memory.write(place, MemorySegment.ofArray(INT3));
        memory.displaced().add(place, own);
        set.put(address, entry);
    }

    /// Takes one out, if there is one.
    void remove(KernelPages pages, long address) throws GuestException {
        BreakpointJournal.Entry entry = set.get(address);
        if (entry != null) {
            restore(memory, pages, entry);
            memory.displaced().remove(entry.place());
            set.remove(address);
            journal.remove(entry);
        }
    }

    void removeAll(KernelPages pages) throws GuestException {
        for (long address : List.copyOf(set.keySet())) {
            remove(pages, address);
        }
    }

    /// Puts the guest's own byte back, unless the guest has put something else there, or its kernel has given the
    /// memory away.
    static void restore(XenMemory memory, KernelPages pages, BreakpointJournal.Entry entry) throws GuestException {
        try {
            if (pages.place(entry.address()).filter(entry.place()::equals).isPresent()
                    && byteAt(memory, entry.place()) == DisplacedBytes.INT3) {
                memory.write(entry.place(), MemorySegment.ofArray(new byte[] {entry.own()}));
            }
        } catch (UnreadableMemoryException _) {
            // It went with the memory it stood in.
        }
    }

    /// What stands there, breakpoints of ours included.
    static byte byteAt(XenMemory memory, PhysicalAddress place) throws GuestException {
        MemorySegment one = MemorySegment.ofArray(new byte[1]);
        memory.readAsItIs(place, one);
        return one.get(JAVA_BYTE, 0);
    }
}
