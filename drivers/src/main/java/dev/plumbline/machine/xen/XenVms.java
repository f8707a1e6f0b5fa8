package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;

/// The domains of this host.
public final class XenVms {
    private static final String PARAVIRTUALISED = "is paravirtualised: only HVM and PVH domains can be attached";

    private XenVms() {}

    /// Whether this host runs on Xen at all.
    public static boolean isXen() {
        return XenVersion.isThisHostOnXen();
    }

    /// All domains but dom0, ascending by number.
    ///
    /// @throws GuestException if Xen or XenStore cannot be asked
    public static List<XenVm> running() throws GuestException {
        try (XenControl control = XenControl.open();
                XenStore store = XenStore.open()) {
            List<XenVm> vms = new ArrayList<>();
            for (DomainInfo info : control.domains()) {
                if (info.id() != 0) {
                    vms.add(vm(info, name(store, info)));
                }
            }
            return vms;
        }
    }

    private static XenVm vm(DomainInfo info, String name) {
        if (info.isGone()) {
            return new XenVm(name, info.id(), "has ended", false);
        }
        if (!info.isHardwareVirtualised()) {
            return new XenVm(name, info.id(), PARAVIRTUALISED, false);
        }
        return new XenVm(name, info.id(), info.isPaused() ? "paused" : "running", true);
    }

    /// The domain that a user means.
    ///
    /// @param wanted its name, or its number
    static DomainInfo named(XenControl control, String wanted) throws GuestException {
        List<DomainInfo> found = new ArrayList<>();
        for (DomainInfo info : control.domains()) {
            if (Integer.toString(info.id()).equals(wanted)) {
                found = List.of(info);
                break;
            }
        }
        if (found.isEmpty()) {
            found = byName(control, wanted);
        }
        if (found.size() != 1) {
            throw new GuestException(
                    found.isEmpty()
                            ? "no domain is named " + wanted + "; plumbline vms lists them"
                            : "more than one domain is named " + wanted + ": name it by its number");
        }
        verifyIsAttachable(found.getFirst(), wanted);
        return found.getFirst();
    }

    private static List<DomainInfo> byName(XenControl control, String wanted) throws GuestException {
        List<DomainInfo> found = new ArrayList<>();
        try (XenStore store = XenStore.open()) {
            for (DomainInfo info : control.domains()) {
                if (!info.isGone() && name(store, info).equals(wanted)) {
                    found.add(info);
                }
            }
        }
        return found;
    }

    private static void verifyIsAttachable(DomainInfo info, String name) throws GuestException {
        if (info.id() == 0) {
            throw new GuestException("domain 0 is the one that commands the others: it cannot be attached");
        }
        if (info.isGone()) {
            throw new GuestException("the domain " + name + " has ended");
        }
        if (!info.isHardwareVirtualised()) {
            throw new GuestException("the domain " + name + " " + PARAVIRTUALISED);
        }
    }

    /// A domain's name; its number where it has none.
    static String name(XenStore store, DomainInfo info) throws GuestException {
        return store.domainName(info.id())
                .map(name -> name.replaceAll("\\p{Cntrl}", "?"))
                .filter(name -> !name.isEmpty())
                .orElse(Integer.toString(info.id()));
    }
}
