package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What the human monitor's `info mtree -f` prints, as far as it matters here.
///
/// It is a list of flat views, each a block of lines:
///
/// ```
/// FlatView #3
///  AS "memory", root: system
///  AS "cpu-memory-0", root: system
///  Root memory region: system
///   0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM
/// ```
///
/// A line of a view gives the first and last guest-physical address, the kind (`ram`, `rom`, `i/o` …), the name
/// of the memory region and, unless it is 0, the offset in that region. The view of address space `memory` is
/// the one that devices and vCPUs see.
final class MemoryTree {
    private static final int LARGEST_TREE_LINES = 1_000_000;
    private static final Pattern RANGE = Pattern.compile(
            " *([0-9a-f]{16})-([0-9a-f]{16}) \\(prio -?\\d+, ([^)]+)\\): (.+?)(?: @([0-9a-f]{16}))?(?: [A-Z]+)?");

    private MemoryTree() {}

    /// A run of guest-physical addresses that shows a part of a memory region.
    ///
    /// @param start first guest-physical address
    /// @param sizeBytes its length, at least 1
    /// @param region the memory region's name
    /// @param offset where in the region it starts, in bytes
    record Part(long start, long sizeBytes, String region, long offset) {}

    /// The parts of system memory that are RAM to the guest and lie in one of `regions`, ascending.
    ///
    /// @throws GuestException if the text is not as above
    static List<Part> ram(String text, Set<String> regions) throws GuestException {
        List<Part> parts = new ArrayList<>();
        boolean systemMemory = false;
        boolean found = false;
        for (String line : text.lines().limit(LARGEST_TREE_LINES).toList()) {
            if (line.startsWith("FlatView")) {
                systemMemory = false;
            } else if (line.startsWith(" AS \"memory\",")) {
                systemMemory = true;
                found = true;
            } else if (systemMemory && line.contains("ram): ")) {
                addPart(line, regions, parts);
            }
        }
        if (!found) {
            throw new GuestException(
                    "QEMU's 'info mtree -f' shows no system memory: this version of QEMU is not supported");
        }
        checkOrder(parts);
        return parts;
    }

    private static void addPart(String line, Set<String> regions, List<Part> parts) {
        Matcher matcher = RANGE.matcher(line);
        if (!matcher.matches() || !isRam(matcher.group(3)) || !regions.contains(matcher.group(4))) {
            return;
        }
        long start = Long.parseUnsignedLong(matcher.group(1), 16);
        long last = Long.parseUnsignedLong(matcher.group(2), 16);
        long offset = matcher.group(5) == null ? 0 : Long.parseUnsignedLong(matcher.group(5), 16);
        parts.add(new Part(start, last - start + 1, matcher.group(4), offset));
    }

    private static boolean isRam(String kind) {
        return kind.equals("ram") || kind.equals("nv-ram");
    }

    private static void checkOrder(List<Part> parts) throws GuestException {
        long end = 0;
        for (Part part : parts) {
            if (part.start() < end || part.sizeBytes() <= 0 || part.start() + part.sizeBytes() < 0) {
                throw new GuestException("QEMU's 'info mtree -f' shows RAM out of order at 0x"
                        + Long.toHexString(part.start()) + ": this version of QEMU is not supported");
            }
            end = part.start() + part.sizeBytes();
        }
    }
}
