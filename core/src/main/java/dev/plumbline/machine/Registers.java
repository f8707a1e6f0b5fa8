package dev.plumbline.machine;

/// Reading the registers of the guest's vCPUs.
public interface Registers {

    /// How many vCPUs there are, at least 1.
    int vcpuCount();

    /// The registers of one vCPU. On a running guest they are of some recent moment and not of one instant. A vCPU
    /// that is not started yet, or was taken offline, has those it was left with or, where the hypervisor keeps
    /// none, those of a processor after INIT, with paging off.
    ///
    /// @param vcpu 0 to [#vcpuCount()] - 1
    /// @throws IndexOutOfBoundsException if there is no such vCPU
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    VcpuRegisters read(int vcpu) throws GuestException;
}
