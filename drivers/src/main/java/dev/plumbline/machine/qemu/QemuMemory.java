package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.proc.ProcessMapping;
import dev.plumbline.machine.proc.ProcessMemory;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The guest's RAM in the memory of its QEMU process: mapped where the back-end is a shared file, else through
/// `/proc/PID/mem`.
///
/// A mapping outlives QEMU. Therefore, before a mapped read, when the last check is more than a millisecond
/// ago, the process is asked for a byte and the file for its size; so reads go on for at most that long after
/// QEMU's end.
final class QemuMemory implements PhysicalMemory, MemoryWriter, Closeable {
    private static final long CHECK_INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final String guest;
    private final ProcessMemory process;
    private final List<Run> runs;
    private final List<SharedRam> shared;
    private long checkedAtNanos;
    private Run lastUsed;

    /// @param bytes the run as mapped here, or null
    private record Run(MemoryRange range, long hostAddress, MemorySegment bytes, SharedRam shared) {}

    private QemuMemory(String guest, ProcessMemory process, List<Run> runs, List<SharedRam> shared) {
        this.guest = guest;
        this.process = process;
        this.runs = runs;
        this.shared = shared;
        this.lastUsed = runs.getFirst();
        this.checkedAtNanos = System.nanoTime() - CHECK_INTERVAL_NANOS;
    }

    /// Opens the memory of QEMU's process `pid`, whose RAM is laid out as given.
    ///
    /// @throws GuestException if the process may not be read, or has no such memory
    static QemuMemory open(String guest, long pid, List<RamLayout.Run> layout) throws GuestException {
        List<SharedRam> shared = new ArrayList<>();
        try {
            List<Run> runs = runs(pid, layout, shared);
            ProcessMemory process = ProcessMemory.openAt(pid, layout.getFirst().hostAddress());
            return new QemuMemory(guest, process, runs, List.copyOf(shared));
        } catch (GuestException | RuntimeException e) {
            shared.forEach(SharedRam::close);
            throw e;
        }
    }

    /// Finds each run in the process's mappings, and maps those of shared files.
    ///
    /// @param shared gets what has been mapped, also where this fails
    private static List<Run> runs(long pid, List<RamLayout.Run> layout, List<SharedRam> shared) throws GuestException {
        List<ProcessMapping> mappings = ProcessMapping.of(pid);
        List<Run> runs = new ArrayList<>();
        ProcessMapping mapped = null;
        SharedRam ram = null;
        for (RamLayout.Run run : layout) {
            ProcessMapping mapping = mappingOf(run, mappings);
            if (mapping != null && !mapping.equals(mapped)) {
                ram = SharedRam.map(pid, mapping).orElse(null);
                mapped = mapping;
                if (ram != null) {
                    shared.add(ram);
                }
            }
            boolean isShared = mapping != null && ram != null;
            MemorySegment bytes = isShared
                    ? ram.bytes()
                            .asSlice(
                                    run.hostAddress() - mapping.start(),
                                    run.range().sizeBytes())
                    : null;
            runs.add(new Run(run.range(), run.hostAddress(), bytes, isShared ? ram : null));
        }
        return List.copyOf(runs);
    }

    /// How many bytes of RAM are mapped here; the rest is read through the process's memory.
    long mappedBytes() {
        return runs.stream()
                .filter(run -> run.bytes() != null)
                .mapToLong(run -> run.range().sizeBytes())
                .sum();
    }

    /// The memory of QEMU's process.
    ProcessMemory process() {
        return process;
    }

    /// Where QEMU's process has what is its own: what is mapped for it alone, from no file, and is no RAM.
    List<ProcessMapping> heap() throws GuestException {
        return ProcessMapping.of(process.pid()).stream()
                .filter(mapping -> mapping.data()
                        && !mapping.shared()
                        && (mapping.path().isEmpty() || mapping.path().equals("[heap]"))
                        && runs.stream().noneMatch(run -> mapping.contains(run.hostAddress(), 1)))
                .toList();
    }

    @Override
    public List<MemoryRange> ranges() {
        return runs.stream().map(Run::range).toList();
    }

    @Override
    public void read(PhysicalAddress address, MemorySegment destination) throws GuestException {
        Run run = runOf(address, destination.byteSize());
        long offset = address.value() - run.range().start().value();
        if (run.bytes() == null || !readMapped(run, offset, destination)) {
            process.read(run.hostAddress() + offset, destination);
        }
    }

    @Override
    public void write(PhysicalAddress address, MemorySegment source) throws GuestException {
        process.write(hostAddress(address, source.byteSize()), source);
    }

    /// Whether all of it is RAM of one range.
    boolean isOneRange(PhysicalAddress address, long lengthBytes) {
        return lastUsed.range().contains(address, lengthBytes)
                || runs.stream().anyMatch(run -> run.range().contains(address, lengthBytes));
    }

    /// Makes sure that it is RAM, without touching it.
    ///
    /// @throws UnreadableMemoryException if any byte of it is not
    long hostAddress(PhysicalAddress address, long lengthBytes) throws UnreadableMemoryException {
        Run run = runOf(address, lengthBytes);
        return run.hostAddress() + address.value() - run.range().start().value();
    }

    @Override
    public void close() throws GuestException {
        process.close();
        shared.forEach(SharedRam::close);
    }

    /// @return false if the file gives no such bytes, as when it was truncated
    private boolean readMapped(Run run, long offset, MemorySegment destination) throws GuestException {
        try {
            long now = System.nanoTime();
            if (now - checkedAtNanos >= CHECK_INTERVAL_NANOS) {
                process.checkAlive(run.hostAddress());
                checkedAtNanos = now;
                if (!run.shared().intact()) {
                    checkedAtNanos = now - CHECK_INTERVAL_NANOS;
                    return false;
                }
            }
            MemorySegment.copy(run.bytes(), offset, destination, 0, destination.byteSize());
            return true;
        } catch (GuestException e) {
            throw e;
        } catch (IOException | InternalError _) {
            // InternalError is how the VM says that a mapped page has no file behind it any more.
            return false;
        }
    }

    private Run runOf(PhysicalAddress address, long lengthBytes) throws UnreadableMemoryException {
        if (lastUsed.range().contains(address, lengthBytes)) {
            return lastUsed;
        }
        for (Run run : runs) {
            if (run.range().contains(address, lengthBytes)) {
                lastUsed = run;
                return run;
            }
        }
        throw new UnreadableMemoryException(
                "physical address " + address + " (" + lengthBytes + " bytes) is not RAM of " + guest);
    }

    private static ProcessMapping mappingOf(RamLayout.Run run, List<ProcessMapping> mappings) {
        for (ProcessMapping mapping : mappings) {
            if (mapping.contains(run.hostAddress(), run.range().sizeBytes())) {
                return mapping;
            }
        }
        return null;
    }
}
