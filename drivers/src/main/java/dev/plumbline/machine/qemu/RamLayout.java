package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Where in the memory of its QEMU process the guest's RAM is, as QEMU says.
///
/// RAM are the memory back-ends (`query-memdev`) that system memory shows as RAM, so the memory of devices,
/// such as that of a display, is left out, and so is what the firmware has made read-only. One back-end is one
/// run of the process's memory, which the host addresses of its first and last byte in the guest prove.
final class RamLayout {
    private static final Pattern HOST_ADDRESS =
            Pattern.compile("Host virtual address for 0x[0-9a-f]+ \\((.+)\\) is (?:0x)?([0-9a-f]{1,16})");

    private RamLayout() {}

    /// A run of RAM and where the process has it.
    ///
    /// @param range guest-physical addresses
    /// @param hostAddress of its first byte in the QEMU process
    record Run(MemoryRange range, long hostAddress) {}

    /// Asks QEMU.
    ///
    /// @throws GuestException if QEMU's answers cannot be understood, or contradict each other
    static List<Run> of(QmpClient qmp) throws GuestException {
        List<MemoryTree.Part> parts = MemoryTree.ram(qmp.monitor("info mtree -f"), backEnds(qmp));
        if (parts.isEmpty()) {
            throw new GuestException(
                    "QEMU on " + qmp.socket() + " shows no RAM: this kind of machine is not supported");
        }
        Map<String, Long> bases = new HashMap<>();
        for (MemoryTree.Part part : parts) {
            if (!bases.containsKey(part.region())) {
                bases.put(part.region(), hostAddress(qmp, part.start()) - part.offset());
            }
        }
        for (String region : bases.keySet()) {
            checkEnd(qmp, lastOf(region, parts), bases.get(region));
        }
        return merged(parts, bases);
    }

    private static Set<String> backEnds(QmpClient qmp) throws GuestException {
        Set<String> names = new HashSet<>();
        for (QmpValue backEnd : qmp.execute("query-memdev").elements()) {
            String id = backEnd.get("id").text();
            names.add(id);
            // Machine types before QEMU 4.0 name the region by the back-end's path.
            names.add("/objects/" + id);
        }
        return names;
    }

    private static MemoryTree.Part lastOf(String region, List<MemoryTree.Part> parts) {
        return parts.stream()
                .filter(part -> part.region().equals(region))
                .reduce((_, later) -> later)
                .orElseThrow();
    }

    private static void checkEnd(QmpClient qmp, MemoryTree.Part part, long base) throws GuestException {
        long last = part.sizeBytes() - 1;
        if (hostAddress(qmp, part.start() + last) != base + part.offset() + last) {
            throw new GuestException("QEMU on " + qmp.socket() + " does not have the RAM '" + part.region()
                    + "' in one piece: this kind of machine is not supported");
        }
    }

    private static long hostAddress(QmpClient qmp, long guestAddress) throws GuestException {
        String printed = qmp.monitor("gpa2hva 0x" + Long.toHexString(guestAddress));
        Matcher matcher = HOST_ADDRESS.matcher(QmpClient.oneLine(printed));
        if (!matcher.matches()) {
            throw new GuestException("QEMU on " + qmp.socket() + " does not tell where RAM at 0x"
                    + Long.toHexString(guestAddress) + " is: " + QmpClient.oneLine(printed));
        }
        return Long.parseUnsignedLong(matcher.group(2), 16);
    }

    private static List<Run> merged(List<MemoryTree.Part> parts, Map<String, Long> bases) {
        List<Run> runs = new ArrayList<>();
        for (MemoryTree.Part part : parts) {
            PhysicalAddress start = new PhysicalAddress(part.start());
            long hostAddress = bases.get(part.region()) + part.offset();
            Run before = runs.isEmpty() ? null : runs.getLast();
            if (before != null
                    && before.range().end().equals(start)
                    && before.hostAddress() + before.range().sizeBytes() == hostAddress) {
                runs.removeLast();
                long size = before.range().sizeBytes() + part.sizeBytes();
                runs.add(new Run(new MemoryRange(before.range().start(), size), before.hostAddress()));
            } else {
                runs.add(new Run(new MemoryRange(start, part.sizeBytes()), hostAddress));
            }
        }
        return List.copyOf(runs);
    }
}
