package dev.plumbline.guest;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import dev.plumbline.testbed.XenOptions;
import java.io.IOException;

/// A Xen host that reports breakpoints, with Plumbline in dom0, and a domain of each kernel.
///
/// @param host the host
/// @param older a domain with kernel 6.1 and one vCPU
/// @param newer one with kernel 6.12 and two
record XenPair(XenHost host, XenDomain older, XenDomain newer) implements AutoCloseable {

    static XenPair boot(String name) throws IOException {
        XenHost host = XenHost.boot(
                name + "-" + ProcessHandle.current().pid(),
                XenOptions.DEFAULT.withContent(XenUnderTest.distribution()).withBreakpoints(true));
        try {
            DomainOptions two =
                    DomainOptions.DEFAULT.withKernel(GuestKernel.V6_12).withCpus(2);
            XenPair pair = new XenPair(host, host.start("older", DomainOptions.DEFAULT), host.start("newer", two));
            // Else dom0 waits for its share of the processors while the domains are busy.
            host.dom0().execChecked("xl sched-credit2 -d Domain-0 -w 4096");
            return pair;
        } catch (GuestException e) {
            host.close();
            throw e;
        }
    }

    @Override
    public void close() throws GuestException {
        host.close();
    }
}
