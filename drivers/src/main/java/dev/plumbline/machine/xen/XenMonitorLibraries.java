package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;

/// The functions of Xen's libraries, and of the C library, that only breakpoints need. As in [XenLibraries].
final class XenMonitorLibraries {
    final NativeFunction enable;
    final NativeFunction disable;
    final NativeFunction reportBreakpoints;
    final NativeFunction injectTrap;
    final NativeFunction openEvents;
    final NativeFunction descriptor;
    final NativeFunction bind;
    final NativeFunction pending;
    final NativeFunction unmask;
    final NativeFunction notifyPort;
    final NativeFunction closeEvents;
    /// poll(2).
    final NativeFunction poll;

    /// @throws GuestException if the library for event channels is not installed
    XenMonitorLibraries(SymbolLookup control) throws GuestException {
        enable = NativeFunction.of(control, "xc_monitor_enable");
        disable = NativeFunction.of(control, "xc_monitor_disable");
        reportBreakpoints = NativeFunction.of(control, "xc_monitor_software_breakpoint");
        injectTrap = NativeFunction.of(control, "xc_hvm_inject_trap");
        SymbolLookup events = NativeFunction.library("libxenevtchn.so.1", "libxenevtchn1");
        openEvents = NativeFunction.of(events, "xenevtchn_open");
        descriptor = NativeFunction.of(events, "xenevtchn_fd");
        bind = NativeFunction.of(events, "xenevtchn_bind_interdomain");
        pending = NativeFunction.of(events, "xenevtchn_pending");
        unmask = NativeFunction.of(events, "xenevtchn_unmask");
        notifyPort = NativeFunction.of(events, "xenevtchn_notify");
        closeEvents = NativeFunction.of(events, "xenevtchn_close");
        poll = NativeFunction.of(Linker.nativeLinker().defaultLookup(), "poll");
    }
}
