package dev.plumbline.command;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.report.Table;
import dev.plumbline.testbed.TestGuest;
import java.io.PrintWriter;
import java.util.List;

/// Numbers found from outside, and what the guest itself says of them.
///
/// @param vm how the guest is named
/// @param guest the guest
record DemoClaims(String vm, TestGuest guest) {
    private static final String SLIDE =
            "text=0x$(grep ' _text$' /proc/kallsyms | cut -c1-16); echo $(( (text - 0xffffffff81000000) >> 20 ))";

    private record Claim(String what, long seen, String command) {}

    /// Prints them side by side.
    ///
    /// @return whether all are equal
    boolean compare(PrintWriter out) throws GuestException {
        Table table = new Table("WHAT", "OUTSIDE", "INSIDE", "");
        boolean equal = true;
        for (Claim claim : claims()) {
            long inside = Long.parseLong(guest.execChecked(claim.command()).strip());
            table.row(
                    claim.what(),
                    Long.toString(claim.seen()),
                    Long.toString(inside),
                    inside == claim.seen() ? "equal" : "DIFFERENT");
            equal &= inside == claim.seen();
        }
        table.print(out);
        out.flush();
        return equal;
    }

    private List<Claim> claims() throws GuestException {
        try (Machine machine = GuestNames.attach(vm)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            return List.of(
                    new Claim("symbols", kernel.symbols().size(), "wc -l < /proc/kallsyms"),
                    new Claim("modules", kernel.modules().size(), "wc -l < /proc/modules"),
                    new Claim(
                            "probe sites",
                            kernel.ftraceRecords().size(),
                            "wc -l < /sys/kernel/tracing/available_filter_functions"),
                    new Claim("KASLR slide in MiB", kernel.image().kaslrSlide() >> 20, SLIDE));
        }
    }
}
