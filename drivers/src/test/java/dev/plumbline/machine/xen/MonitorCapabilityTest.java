package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import org.junit.jupiter.api.Test;

class MonitorCapabilityTest {
    @Test
    void eventsHaveXensNames() throws GuestException {
        MonitorCapability onAmd = new MonitorCapability(0x1f7b);
        assertThat(onAmd.names())
                .contains("software-breakpoint", "debug-exception", "vmexit")
                .doesNotContain("singlestep", "privileged-call")
                .hasSize(11);
        onAmd.verify("xen:a");
    }

    @Test
    void whereBreakpointsAreNotReportedTheOtherEngineIsNamed() {
        assertThatThrownBy(() -> new MonitorCapability(0x1f73).verify("xen:a"))
                .isInstanceOf(GuestException.class)
                .hasMessage("this Xen does not report breakpoints of xen:a on this processor; use --engine inline");
    }
}
