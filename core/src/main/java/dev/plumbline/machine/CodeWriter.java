package dev.plumbline.machine;

import java.util.List;

/// Writing the guest's code so that no vCPU, real or translated, goes on running the old bytes.
///
/// Nothing is rolled back: on a fault the patches before the failing one are in place. Whoever writes keeps the
/// journal.
public interface CodeWriter {

    /// Writes the patches in order. All vCPUs stand still meanwhile, and run on afterwards if they ran before.
    ///
    /// @throws UnreadableMemoryException if a patch lies outside the guest's RAM; nothing has been written then
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    void writeCode(List<CodePatch> patches) throws GuestException;

    /// New bytes for a piece of code.
    ///
    /// @param address where the first byte goes; the patch stays within one range of RAM
    /// @param bytes the new bytes, at least one
    record CodePatch(PhysicalAddress address, byte[] bytes) {}
}
