package dev.plumbline.machine;

import java.util.Optional;

/// A guest that a driver has hold of, and what can be done with it. Every driver reads memory and registers;
/// the rest depends on it.
public interface Machine extends AutoCloseable {

    /// How the guest is named to people, e.g. `qemu:web1`.
    String name();

    /// The guest's RAM.
    PhysicalMemory memory();

    /// The guest's vCPUs.
    Registers registers();

    /// A capability beyond memory and registers, if the driver has it: [MemoryWriter], [CodeWriter], [Pausing],
    /// [Breakpoints], [MemoryDump], [Hypervisor].
    <T> Optional<T> capability(Class<T> kind);

    /// Lets go of the guest, which stays as it is.
    @Override
    void close() throws GuestException;
}
