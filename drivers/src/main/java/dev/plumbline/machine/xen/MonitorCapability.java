package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/// What Xen can report of a domain (`XEN_DOMCTL_MONITOR_EVENT_*`, public/domctl.h): it depends on the processor.
///
/// @param bits one for each kind of event
record MonitorCapability(int bits) {
    private static final List<String> NAMES = List.of(
            "write-ctrlreg",
            "mov-to-msr",
            "singlestep",
            "software-breakpoint",
            "guest-request",
            "debug-exception",
            "cpuid",
            "privileged-call",
            "interrupt",
            "descriptor-access",
            "emul-unimplemented",
            "inguest-pagefault",
            "vmexit");
    private static final int SOFTWARE_BREAKPOINT = 1 << 3;

    static MonitorCapability of(XenDomain domain) throws GuestException {
        XenControl control = domain.control();
        NativeFunction capabilities = NativeFunction.of(control.libraries().control(), "xc_monitor_get_capabilities");
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment bits = buffers.allocate(JAVA_INT);
            control.order("tell what it can report of " + domain.name(), capabilities, domain.id(), bits.address());
            return new MonitorCapability(bits.get(JAVA_INT, 0));
        }
    }

    /// The kinds of events by Xen's names, those without a name left out.
    List<String> names() {
        return IntStream.range(0, NAMES.size())
                .filter(bit -> (bits >>> bit & 1) != 0)
                .mapToObj(NAMES::get)
                .toList();
    }

    /// @throws GuestException if it does not report breakpoints
    void verify(String guest) throws GuestException {
        if ((bits & SOFTWARE_BREAKPOINT) == 0) {
            throw new GuestException(
                    "this Xen does not report breakpoints of " + guest + " on this processor; use --engine inline");
        }
    }
}
