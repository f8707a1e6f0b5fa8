package dev.plumbline.machine;

/// What a page-table walk finds.
public sealed interface Translation {

    /// The address is mapped.
    ///
    /// @param address the physical address, byte offset included
    /// @param pageSizeBytes 4 KiB, 2 MiB or 1 GiB
    /// @param writable whether every level allows writing
    /// @param executable whether no level forbids execution
    /// @param user whether every level allows user mode
    record Mapped(PhysicalAddress address, long pageSizeBytes, boolean writable, boolean executable, boolean user)
            implements Translation {}

    /// The address is not mapped, or not canonical.
    ///
    /// @param level the level whose entry was not present, 1 for the page table itself to 5; 0 if not canonical
    record Unmapped(int level) implements Translation {}
}
