package dev.plumbline.testbed;

/// How a domain of Xen is built. Immutable; each `with` method answers a changed copy.
///
/// @param kernel the kernel series
/// @param cpus number of vCPUs, 1 to 8
/// @param memoryMib size of the RAM in MiB, 128 to 1024; the host must have it
/// @param append further kernel arguments, separated by blanks; empty for none
public record DomainOptions(GuestKernel kernel, int cpus, int memoryMib, String append) {
    /// One vCPU, 256 MiB, kernel 6.1.
    public static final DomainOptions DEFAULT = new DomainOptions(GuestKernel.V6_1, 1, 256, "");

    /// @throws IllegalArgumentException if a number is out of bounds, or the arguments hold what the
    /// shell or xl would take as their end; its message is one line for users
    public DomainOptions {
        if (cpus < 1 || cpus > 8) {
            throw new IllegalArgumentException("a domain has 1 to 8 vCPUs, not " + cpus);
        }
        if (memoryMib < 128 || memoryMib > 1024) {
            throw new IllegalArgumentException("a domain has 128 to 1024 MiB of memory, not " + memoryMib);
        }
        if (!append.matches("[^'\"\\n]*")) {
            throw new IllegalArgumentException("a domain's kernel arguments cannot hold ', \" or the end of a line");
        }
    }

    /// A copy with another kernel.
    public DomainOptions withKernel(GuestKernel other) {
        return new DomainOptions(other, cpus, memoryMib, append);
    }

    /// A copy with another number of vCPUs.
    public DomainOptions withCpus(int count) {
        return new DomainOptions(kernel, count, memoryMib, append);
    }

    /// A copy with another size of the RAM.
    public DomainOptions withMemoryMib(int sizeMib) {
        return new DomainOptions(kernel, cpus, sizeMib, append);
    }

    /// A copy with other further kernel arguments.
    public DomainOptions withAppend(String kernelArguments) {
        return new DomainOptions(kernel, cpus, memoryMib, kernelArguments);
    }
}
