package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// Walks the kernel's circular `struct list_head` lists, which the guest may change meanwhile or may have
/// corrupted. An entry whose link back does not lead to where the walk came from has left the list or joined it in
/// this moment, so that its link onwards says nothing: the walk fails, and may be started again.
final class KernelList {
    private static final int LIST_HEAD_BYTES = 16;

    private KernelList() {}

    /// What is done with each entry.
    interface Visitor {
        /// @param address the `list_head` inside the entry
        void visit(long address) throws GuestException;
    }

    /// Visits each entry behind `head`, in order.
    ///
    /// @param what the list's name, for messages
    /// @param mostEntries more than this is a cycle that never meets the head
    /// @throws KernelFormatException if the list does not come back to its head
    static void walk(KernelMemory memory, String what, long head, int mostEntries, Visitor visitor)
            throws GuestException {
        long previous = head;
        long entry = memory.s64(head);
        for (int i = 0; entry != head; i++) {
            if (i == mostEntries) {
                throw new KernelFormatException(
                        what, head, "a list that does not end after " + mostEntries + " entries");
            }
            checkEntry(what, previous, entry);
            visitor.visit(entry);
            Block links = memory.block(what, entry, LIST_HEAD_BYTES);
            checkBack(what, entry, links.s64(8), previous);
            previous = entry;
            entry = links.s64(0);
        }
    }

    /// @throws KernelFormatException if `entry`, to which `previous` points, cannot be a kernel object
    static void checkEntry(String what, long previous, long entry) throws KernelFormatException {
        if (entry >= 0 || (entry & 7) != 0) {
            throw new KernelFormatException(what, previous, "an entry points to 0x%x".formatted(entry));
        }
    }

    /// @throws KernelFormatException if an entry's link `back` does not lead to `previous`
    static void checkBack(String what, long entry, long back, long previous) throws KernelFormatException {
        if (back != previous) {
            throw new KernelFormatException(
                    what, entry, "its link back leads to 0x%x and not to 0x%x".formatted(back, previous));
        }
    }
}
