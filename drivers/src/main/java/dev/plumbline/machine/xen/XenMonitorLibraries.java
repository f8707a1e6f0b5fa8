package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// The functions of Xen's libraries, and of the C library, that only breakpoints need: making them callable takes a
/// while. As in [XenLibraries].
final class XenMonitorLibraries {
    final MethodHandle enable;
    final MethodHandle disable;
    final MethodHandle reportBreakpoints;
    final MethodHandle injectTrap;
    final MethodHandle openEvents;
    final MethodHandle descriptor;
    final MethodHandle bind;
    final MethodHandle pending;
    final MethodHandle unmask;
    final MethodHandle notifyPort;
    final MethodHandle closeEvents;
    /// poll(2).
    final MethodHandle poll;

    /// @throws GuestException if the library for event channels is not installed
    XenMonitorLibraries(SymbolLookup control) throws GuestException {
        enable = XenLibraries.function(control, "xc_monitor_enable", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
        disable = XenLibraries.function(control, "xc_monitor_disable", JAVA_INT, ADDRESS, JAVA_INT);
        reportBreakpoints = XenLibraries.function(
                control, "xc_monitor_software_breakpoint", JAVA_INT, ADDRESS, JAVA_INT, JAVA_BOOLEAN);
        injectTrap = XenLibraries.function(
                control,
                "xc_hvm_inject_trap",
                JAVA_INT,
                ADDRESS,
                JAVA_INT,
                JAVA_INT,
                JAVA_BYTE,
                JAVA_BYTE,
                JAVA_INT,
                JAVA_BYTE,
                JAVA_LONG);
        SymbolLookup events = XenLibraries.library("libxenevtchn.so.1", "libxenevtchn1");
        openEvents = XenLibraries.function(events, "xenevtchn_open", ADDRESS, ADDRESS, JAVA_INT);
        descriptor = XenLibraries.function(events, "xenevtchn_fd", JAVA_INT, ADDRESS);
        bind = XenLibraries.function(events, "xenevtchn_bind_interdomain", JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
        pending = XenLibraries.function(events, "xenevtchn_pending", JAVA_INT, ADDRESS);
        unmask = XenLibraries.function(events, "xenevtchn_unmask", JAVA_INT, ADDRESS, JAVA_INT);
        notifyPort = XenLibraries.function(events, "xenevtchn_notify", JAVA_INT, ADDRESS, JAVA_INT);
        closeEvents = XenLibraries.function(events, "xenevtchn_close", JAVA_INT, ADDRESS);
        SymbolLookup standard = Linker.nativeLinker().defaultLookup();
        poll = XenLibraries.function(standard, "poll", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    }
}
