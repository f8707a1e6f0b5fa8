package dev.plumbline.guest;

import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;

/// A domain of Xen that is looked into from dom0.
///
/// @param domain the domain
/// @param kernel what it runs
/// @param cpus how many vCPUs it has
/// @param says what it says of itself
record DomainUnderTest(XenDomain domain, GuestKernel kernel, int cpus, GuestSays says) {

    /// How the command line names it.
    String vm() {
        return "xen:" + domain.name();
    }
}
