package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;

/// Reads `__per_cpu_offset[nr_cpu_ids]` and `__cpu_online_mask`.
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
        boolean[] online = new boolean[count];
        Block offsets = memory.block("__per_cpu_offset", symbols.address("__per_cpu_offset"), 8L * count);
        Block mask = memory.block("__cpu_online_mask", symbols.address("__cpu_online_mask"), (count + 63) / 64 * 8L);
        for (int cpu = 0; cpu < count; cpu++) {
            bases[cpu] = offsets.s64(8L * cpu);
            online[cpu] = (mask.u8(cpu / 8) >> (cpu % 8) & 1) != 0;
        }
        return new PerCpu(bases, online);
    }
}
