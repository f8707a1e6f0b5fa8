package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What QEMU's debug stub sends when the guest has stopped: `T05thread:01;`, the number of a signal and a vCPU, both
/// hexadecimal. Once a debugger has asked QEMU for it, as gdb does, the number of a process stands before the vCPU's,
/// and
/// for every later client too: `T05thread:p01.01;`.
///
/// @param atBreakpoint whether it was for a breakpoint or a step, and not because somebody has paused the guest
/// @param thread the stub's number of the vCPU that is selected now
record StopReply(boolean atBreakpoint, int thread) {
    private static final Pattern STOP =
            Pattern.compile("T([0-9a-f]{2})thread:(?:p[0-9a-f]{1,6}\\.)?([0-9a-f]{1,6});.*");
    private static final int SIGTRAP = 5;

    static boolean is(String packet) {
        return packet.startsWith("T") || packet.startsWith("S");
    }

    /// @throws GuestException if it is something else
    static StopReply parse(String packet) throws GuestException {
        Matcher matcher = STOP.matcher(packet);
        if (!matcher.matches()) {
            throw new GuestException("QEMU's debug stub says '" + packet.substring(0, Math.min(40, packet.length()))
                    + "' where the guest's stop is told: this version is not supported");
        }
        return new StopReply(Integer.parseInt(matcher.group(1), 16) == SIGTRAP, Integer.parseInt(matcher.group(2), 16));
    }
}
