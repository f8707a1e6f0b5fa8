package dev.plumbline.testbed;

import java.nio.file.Path;
import java.util.Optional;

/// How a host with Xen is built. Immutable; each `with` method answers a changed copy.
///
/// @param memoryMib size of the machine's RAM in MiB, 1024 to 65536
/// @param dom0MemoryMib how much of it dom0 has, 256 to all but 512; Xen and the domains have the rest
/// @param content a directory of this host that dom0 finds as `/opt`, as it is when the host boots, read-only
/// @param reportsBreakpoints whether Xen learns of breakpoint instructions in domains, which stock QEMU does not tell
/// it (see [BreakpointQemu])
public record XenOptions(int memoryMib, int dom0MemoryMib, Optional<Path> content, boolean reportsBreakpoints) {
    /// 1400 MiB, 512 of them for dom0; nothing in `/opt`, and stock QEMU.
    public static final XenOptions DEFAULT = new XenOptions(1400, 512, Optional.empty(), false);

    /// @throws IllegalArgumentException if a number is out of bounds; its message is one line for users
    public XenOptions {
        if (memoryMib < 1024 || memoryMib > 65_536) {
            throw new IllegalArgumentException("a host with Xen has 1024 to 65536 MiB of memory, not " + memoryMib);
        }
        if (dom0MemoryMib < 256 || dom0MemoryMib > memoryMib - 512) {
            throw new IllegalArgumentException(
                    "dom0 has 256 to %d MiB of memory, not %d".formatted(memoryMib - 512, dom0MemoryMib));
        }
    }

    /// A copy with another size of the RAM, of the machine and of dom0.
    public XenOptions withMemoryMib(int sizeMib, int dom0SizeMib) {
        return new XenOptions(sizeMib, dom0SizeMib, content, reportsBreakpoints);
    }

    /// A copy whose dom0 finds that directory as `/opt`.
    public XenOptions withContent(Path directory) {
        return new XenOptions(memoryMib, dom0MemoryMib, Optional.of(directory), reportsBreakpoints);
    }

    /// A copy whose Xen learns of breakpoint instructions, or not.
    public XenOptions withBreakpoints(boolean reported) {
        return new XenOptions(memoryMib, dom0MemoryMib, content, reported);
    }
}
