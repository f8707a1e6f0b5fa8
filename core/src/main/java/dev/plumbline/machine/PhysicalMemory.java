package dev.plumbline.machine;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// Reading the guest's RAM. The guest may run meanwhile: bytes are those of some moment during the call, and
/// a read of an aligned 8-byte word is not torn.
///
/// For use by one thread at a time, unless the driver says otherwise.
public interface PhysicalMemory {

    /// The guest's RAM, ascending, without overlaps; holes between the ranges are devices or nothing.
    List<MemoryRange> ranges();

    /// Fills `destination` with the bytes from `address` on.
    ///
    /// @param destination native or heap memory; its size says how much is read, at most to the end of one range
    /// @throws UnreadableMemoryException if any byte of it is not RAM; nothing is said of what
    /// `destination` then holds
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    void read(PhysicalAddress address, MemorySegment destination) throws GuestException;
}
