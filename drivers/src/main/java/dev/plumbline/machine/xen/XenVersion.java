package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// A version of Xen, which says how its structures are laid out.
record XenVersion(int major, int minor) {
    /// Where Linux says what Xen it runs on (Documentation/ABI/stable/sysfs-hypervisor-xen).
    private static final Path SYSTEM = Path.of("/sys/hypervisor");

    /// What is laid out alike: `xc_domaininfo_t` (XEN_DOMCTL_INTERFACE_VERSION 0x15 to 0x17), the records of a vCPU's
    /// state, which are kept for migration, and the monitor's ring (VM_EVENT_INTERFACE_VERSION 7).
    private static final XenVersion FIRST_KNOWN = new XenVersion(4, 17);

    private static final XenVersion LAST_KNOWN = new XenVersion(4, 21);

    /// The one that this host runs on.
    ///
    /// @throws GuestException if it runs on none, or on one whose layouts are not known
    static XenVersion ofThisHost() throws GuestException {
        return of(SYSTEM);
    }

    static boolean isThisHostOnXen() {
        return Files.exists(SYSTEM.resolve("type")) && Files.exists(SYSTEM.resolve("version/major"));
    }

    static XenVersion of(Path system) throws GuestException {
        XenVersion version;
        try {
            if (!Files.readString(system.resolve("type")).strip().equals("xen")) {
                throw notXen(null);
            }
            version = new XenVersion(number(system, "major"), number(system, "minor"));
        } catch (NoSuchFileException e) {
            throw notXen(e);
        } catch (GuestException e) {
            throw e;
        } catch (IOException | NumberFormatException e) {
            throw new GuestException("cannot read Xen's version below " + system + ": " + e.getMessage(), e);
        }
        if (!version.isKnown()) {
            throw new GuestException("this host runs on Xen " + version + ", and Plumbline knows the layouts of "
                    + FIRST_KNOWN + " to " + LAST_KNOWN + " only: use a Plumbline that knows it");
        }
        return version;
    }

    /// The version of the one that this host runs on with all that belongs to it, as `4.17.5`.
    static String withExtra() throws GuestException {
        try {
            return ofThisHost()
                    + Files.readString(SYSTEM.resolve("version/extra")).strip();
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot read Xen's version below " + SYSTEM + ": " + e.getMessage(), e);
        }
    }

    private boolean isKnown() {
        return major == FIRST_KNOWN.major && minor >= FIRST_KNOWN.minor && minor <= LAST_KNOWN.minor;
    }

    private static int number(Path system, String file) throws IOException {
        return Integer.parseInt(
                Files.readString(system.resolve("version").resolve(file)).strip());
    }

    private static GuestException notXen(Exception cause) {
        return new GuestException(
                "this host does not run on Xen: run plumbline in dom0, or name a guest of another kind", cause);
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
