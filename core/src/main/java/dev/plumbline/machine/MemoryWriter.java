package dev.plumbline.machine;

import java.lang.foreign.MemorySegment;

/// Writing the guest's RAM, data only: code goes through [CodeWriter]. Nothing is rolled back; whoever writes
/// keeps the journal.
public interface MemoryWriter {

    /// Writes all of `source` to `address` and on, at most to the end of one range.
    ///
    /// @throws UnreadableMemoryException if any byte of it is not RAM; nothing has been written then
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses; part may have been written
    void write(PhysicalAddress address, MemorySegment source) throws GuestException;
}
