package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The domains of this host.
public final class XenVms {
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
        String state = obstacle(info).orElse(info.isPaused() ? "paused" : "running");
        return new XenVm(name, info.id(), state, obstacle(info).isEmpty());
    }

    /// Why a domain cannot be attached, if it cannot.
    private static Optional<String> obstacle(DomainInfo info) {
        if (info.isGone()) {
            return Optional.of("has ended");
        }
        return info.isHardwareVirtualised()
                ? Optional.empty()
                : Optional.of("is paravirtualised: only HVM and PVH domains can be attached");
    }

    /// The domain that a user means.
    ///
    /// @param wanted its name, or its number
    static DomainInfo named(XenControl control, String wanted) throws GuestException {
        List<DomainInfo> found = control.domains().stream()
                .filter(info -> Integer.toString(info.id()).equals(wanted))
                .toList();
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
        Optional<String> obstacle = obstacle(info);
        if (obstacle.isPresent()) {
            throw new GuestException("the domain " + name + " " + obstacle.get());
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
