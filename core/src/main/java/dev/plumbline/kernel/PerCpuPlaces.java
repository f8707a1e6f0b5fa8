package dev.plumbline.kernel;

/// Where kernel code finds what it needs to know of its CPU, as offsets from the gs base in kernel mode.
///
/// @param cpuNumber of the CPU's number, 32 bits
/// @param currentTask of the pointer to the current task
/// @param stackTop of the address behind the current task's kernel stack, where its `struct pt_regs` ends
public record PerCpuPlaces(int cpuNumber, int currentTask, int stackTop) {

    /// In `pcpu_hot` from 6.2 (commit 7443b296e699) to 6.14, in variables of their own before and after.
    static PerCpuPlaces of(KernelSymbols symbols, Btf btf) throws KernelFormatException {
        var hot = symbols.find("pcpu_hot");
        if (hot.isEmpty()) {
            return new PerCpuPlaces(
                    offset(symbols.address("cpu_number")),
                    offset(symbols.address("current_task")),
                    offset(symbols.address("cpu_current_top_of_stack")));
        }
        StructLayout layout = btf.struct("pcpu_hot");
        return new PerCpuPlaces(
                offset(hot.getAsLong() + layout.offset("cpu_number")),
                offset(hot.getAsLong() + layout.offset("current_task")),
                offset(hot.getAsLong() + layout.offset("top_of_stack")));
    }

    private static int offset(long value) throws KernelFormatException {
        if (value != (int) value) {
            throw new KernelFormatException("per-CPU data", value, "out of reach of a gs-relative address");
        }
        return (int) value;
    }
}
