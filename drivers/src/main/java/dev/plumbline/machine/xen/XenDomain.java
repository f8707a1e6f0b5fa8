package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;

/// A domain that is attached, as long as it is the same one. For one thread at a time.
final class XenDomain implements AutoCloseable {
    private final XenControl control;
    private final DomainInfo attached;
    private final String name;

    XenDomain(XenControl control, DomainInfo attached, String name) {
        this.control = control;
        this.attached = attached;
        this.name = name;
    }

    XenControl control() {
        return control;
    }

    int id() {
        return attached.id();
    }

    /// `xen:NAME`.
    String name() {
        return name;
    }

    int vcpuCount() {
        return attached.vcpuCount();
    }

    /// What Xen says of it now.
    ///
    /// @throws GuestGoneException if it has ended
    DomainInfo now() throws GuestException {
        DomainInfo now = control.domain(id()).orElse(null);
        if (now == null || !now.isSameAs(attached) || now.isGone()) {
            throw new GuestGoneException("the guest is gone: the domain " + name + " has ended or was rebooted");
        }
        return now;
    }

    /// The exception for a call that Xen has refused: that the guest is gone, if it is.
    GuestException explained(GuestException refused) throws GuestException {
        now();
        return refused;
    }

    @Override
    public void close() {
        control.close();
    }
}
