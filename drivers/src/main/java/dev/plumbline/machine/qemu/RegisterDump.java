package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What the human monitor's `info registers` prints for one vCPU.
///
/// `NAME=VALUE` in hexadecimal, with `RAX` to `R15`, `RIP` and `RFL` where the vCPU runs 64-bit code and `EAX`,
/// `EIP` and `EFL` where it does not. A segment is `FS =SELECTOR BASE LIMIT FLAGS`, a table `GDT= BASE LIMIT`.
final class RegisterDump {
    private static final Pattern VALUE = Pattern.compile("\\b([A-Z][A-Z0-9]{1,3}) *= *([0-9a-f]{1,16})\\b");
    private static final Pattern SEGMENT = Pattern.compile("(?m)^([A-Z]S) *= *[0-9a-f]{1,4} +([0-9a-f]{1,16}) ");
    private static final String[] GENERAL = {"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"};

    private final Map<String, Long> values = new HashMap<>();
    private final Map<String, Long> bases = new HashMap<>();

    private RegisterDump(String text) {
        for (Matcher matcher = VALUE.matcher(text); matcher.find(); ) {
            values.putIfAbsent(matcher.group(1), Long.parseUnsignedLong(matcher.group(2), 16));
        }
        for (Matcher matcher = SEGMENT.matcher(text); matcher.find(); ) {
            bases.putIfAbsent(matcher.group(1), Long.parseUnsignedLong(matcher.group(2), 16));
        }
    }

    /// @throws GuestException if a register is missing
    static VcpuRegisters parse(String text) throws GuestException {
        return new RegisterDump(text).registers();
    }

    private VcpuRegisters registers() throws GuestException {
        boolean wide = values.containsKey("RAX");
        long[] general = new long[16];
        for (int i = 0; i < general.length; i++) {
            if (i < GENERAL.length) {
                general[i] = value((wide ? "R" : "E") + GENERAL[i]);
            } else {
                general[i] = wide ? value("R" + i) : 0;
            }
        }
        return new VcpuRegisters(
                general,
                value(wide ? "RIP" : "EIP"),
                value(wide ? "RFL" : "EFL"),
                (int) value("CPL") & 3,
                base("FS"),
                base("GS"),
                value("CR0"),
                value("CR2"),
                value("CR3"),
                value("CR4"),
                value("GDT"),
                value("IDT"));
    }

    private long value(String name) throws GuestException {
        return known(values.get(name), name);
    }

    private long base(String segment) throws GuestException {
        return known(bases.get(segment), segment);
    }

    private static long known(Long value, String name) throws GuestException {
        if (value == null) {
            throw new GuestException("QEMU's 'info registers' shows no " + name + ": this version is not supported");
        }
        return value;
    }
}
