package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// Reads `__per_cpu_offset[nr_cpu_ids]`, `__cpu_online_mask` and `__cpu_possible_mask`.
final class PerCpuReader {
    private static final int MOST_CPUS = 8192;

    private PerCpuReader() {}

    static PerCpu read(KernelMemory memory, KernelSymbols symbols) throws GuestException {
        long countAt = symbols.address("nr_cpu_ids");
        int count = memory.s32(countAt);
        if (count < 1 || count > MOST_CPUS) {
            throw new KernelFormatException("nr_cpu_ids", countAt, count + " CPUs");
        }
        long[] bases = new long[count];
        Block offsets = memory.block("__per_cpu_offset", symbols.address("__per_cpu_offset"), 8L * count);
        for (int cpu = 0; cpu < count; cpu++) {
            bases[cpu] = offsets.s64(8L * cpu);
        }
        return new PerCpu(
                bases,
                mask(memory, symbols, "__cpu_online_mask", count),
                mask(memory, symbols, "__cpu_possible_mask", count));
    }

    private static boolean[] mask(KernelMemory memory, KernelSymbols symbols, String name, int count)
            throws GuestException {
        Block bits = memory.block(name, symbols.address(name), (count + 63) / 64 * 8L);
        boolean[] mask = new boolean[count];
        for (int cpu = 0; cpu < count; cpu++) {
            mask[cpu] = (bits.u8(cpu / 8) >> (cpu % 8) & 1) != 0;
        }
        return mask;
    }
}
