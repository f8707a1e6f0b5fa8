package dev.plumbline.machine;

import java.nio.file.Path;

/// Writing all of a guest's memory to a file, as an ELF core that [Machine] drivers for dumps read.
public interface MemoryDump {

    /// Writes it; the guest is stopped meanwhile.
    ///
    /// @param file a file that does not exist yet, absolute, where the hypervisor may write
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if it cannot be written; what was written so far stays
    void dump(Path file) throws GuestException;
}
