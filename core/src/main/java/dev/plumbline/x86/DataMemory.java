package dev.plumbline.x86;

import dev.plumbline.machine.GuestException;

/// Memory as an instruction sees it: little-endian, by virtual address.
public interface DataMemory {
    /// Reads 1, 2, 4 or 8 bytes.
    ///
    /// @throws GuestException if there is nothing to read
    long read(long address, int bytes) throws GuestException;

    /// Writes 1, 2, 4 or 8 bytes.
    ///
    /// @throws GuestException if nothing can be written there
    void write(long address, int bytes, long value) throws GuestException;
}
