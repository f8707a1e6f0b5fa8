package dev.plumbline.machine;

import java.util.List;

/// The hypervisor that runs a guest.
public interface Hypervisor {

    /// What it says of itself.
    ///
    /// @throws GuestException if it does not answer
    Description describe() throws GuestException;

    /// A hypervisor.
    ///
    /// @param name its name and version
    /// @param virtualisation what runs the guest's instructions, such as `KVM` or `SVM`; empty if that is not known
    /// @param events what it can report while the guest runs, by its own names; none where it has no such list
    record Description(String name, String virtualisation, List<String> events) {}
}
