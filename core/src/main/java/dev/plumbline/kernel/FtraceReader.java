package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;

/// Reads the kernel's ftrace records: a chain of `struct ftrace_page` from the symbol `ftrace_pages_start`, each
/// with an array of `struct dyn_ftrace`. What /sys/kernel/tracing/available_filter_functions prints comes from
/// there; freed init code and unloaded modules have left it.
final class FtraceReader {
    private static final int MOST_RECORDS = 500_000;

    private final KernelMemory memory;
    private final long pagesStart;
    private final StructLayout page;
    private final StructLayout entry;

    /// @param pagesStart address of the symbol `ftrace_pages_start`
    FtraceReader(KernelMemory memory, Btf btf, long pagesStart) throws KernelFormatException {
        this.memory = memory;
        this.pagesStart = pagesStart;
        this.page = btf.struct("ftrace_page");
        this.entry = btf.struct("dyn_ftrace");
    }

    /// All records in the kernel's order.
    List<FtraceRecord> records() throws GuestException {
        List<FtraceRecord> records = new ArrayList<>();
        long next = memory.s64(pagesStart);
        while (next != 0) {
            Block current = memory.block("ftrace page", next, page.sizeBytes());
            addRecords(current, records);
            next = current.s64(page.offset("next"));
        }
        return records;
    }

    private void addRecords(Block current, List<FtraceRecord> records) throws GuestException {
        int count = current.s32(page.offset("index"));
        if (count < 0 || count > MOST_RECORDS - records.size()) {
            throw current.malformed(page.offset("index"), count + " more records");
        }
        long stride = entry.sizeBytes();
        long ip = entry.offset("ip");
        StructLayout.Member flags = entry.member("flags");
        Block array = memory.block("ftrace records", current.s64(page.offset("records")), count * stride);
        for (int i = 0; i < count; i++) {
            long at = i * stride;
            long address = array.s64(at + ip);
            if (address != 0) {
                records.add(new FtraceRecord(address, array.unsigned(at + flags.offset(), (int) flags.sizeBytes())));
            }
        }
    }
}
