package dev.plumbline.testbed;

import java.util.List;

/// How a test guest is built. Immutable; each `with` method answers a changed copy.
///
/// @param kernel the kernel series
/// @param cpus number of vCPUs, 1 to 64
/// @param memoryMib size of the RAM in MiB, 256 to 65536
/// @param cpuModel QEMU's name for the CPU model; empty for the default: `qemu64` (4-level page tables, no
/// page-table isolation) under TCG, `host` under KVM
/// @param append further kernel arguments, separated by blanks; empty for none
/// @param extraQemuArguments further arguments for QEMU, behind all others
/// @param kvm whether KVM runs the guest; else TCG does
public record GuestOptions(
        GuestKernel kernel,
        int cpus,
        int memoryMib,
        String cpuModel,
        String append,
        List<String> extraQemuArguments,
        boolean kvm) {

    /// One vCPU, 512 MiB, kernel 6.1, under TCG.
    public static final GuestOptions DEFAULT = new GuestOptions(GuestKernel.V6_1, 1, 512, "", "", List.of(), false);

    /// @throws IllegalArgumentException if a number is out of bounds; its message is one line for users
    public GuestOptions {
        if (cpus < 1 || cpus > 64) {
            throw new IllegalArgumentException("a guest has 1 to 64 vCPUs, not " + cpus);
        }
        if (memoryMib < 256 || memoryMib > 65_536) {
            throw new IllegalArgumentException("a guest has 256 to 65536 MiB of memory, not " + memoryMib);
        }
        extraQemuArguments = List.copyOf(extraQemuArguments);
    }

    /// A copy with another kernel.
    public GuestOptions withKernel(GuestKernel other) {
        return new GuestOptions(other, cpus, memoryMib, cpuModel, append, extraQemuArguments, kvm);
    }

    /// A copy with another number of vCPUs.
    public GuestOptions withCpus(int count) {
        return new GuestOptions(kernel, count, memoryMib, cpuModel, append, extraQemuArguments, kvm);
    }

    /// A copy with another size of the RAM.
    public GuestOptions withMemoryMib(int sizeMib) {
        return new GuestOptions(kernel, cpus, sizeMib, cpuModel, append, extraQemuArguments, kvm);
    }

    /// A copy with another CPU model; `max` has 5-level page tables, `Skylake-Client` page-table isolation.
    public GuestOptions withCpuModel(String model) {
        return new GuestOptions(kernel, cpus, memoryMib, model, append, extraQemuArguments, kvm);
    }

    /// A copy with other further kernel arguments.
    public GuestOptions withAppend(String kernelArguments) {
        return new GuestOptions(kernel, cpus, memoryMib, cpuModel, kernelArguments, extraQemuArguments, kvm);
    }

    /// A copy with other further arguments for QEMU.
    public GuestOptions withExtraQemuArguments(String... arguments) {
        return new GuestOptions(kernel, cpus, memoryMib, cpuModel, append, List.of(arguments), kvm);
    }

    /// A copy that KVM runs, or TCG.
    public GuestOptions withKvm(boolean useKvm) {
        return new GuestOptions(kernel, cpus, memoryMib, cpuModel, append, extraQemuArguments, useKvm);
    }

    /// The CPU model that QEMU is asked for.
    String effectiveCpuModel() {
        return !cpuModel.isEmpty() ? cpuModel : kvm ? "host" : "qemu64";
    }
}
