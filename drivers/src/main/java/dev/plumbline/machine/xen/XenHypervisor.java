package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Hypervisor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// The Xen on this host, as it runs one domain.
final class XenHypervisor implements Hypervisor {
    private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

    private final XenDomain domain;

    XenHypervisor(XenDomain domain) {
        this.domain = domain;
    }

    @Override
    public Description describe() throws GuestException {
        return new Description(
                "Xen " + XenVersion.withExtra(),
                virtualisation(),
                MonitorCapability.of(domain).names());
    }

    /// By the processor's maker, whom Xen does not hide from dom0.
    private static String virtualisation() throws GuestException {
        try {
            return Files.readString(PROCESSORS, StandardCharsets.ISO_8859_1)
                    .lines()
                    .filter(line -> line.startsWith("vendor_id"))
                    .findFirst()
                    .map(line -> switch (line.substring(line.indexOf(':') + 1).strip()) {
                        case "AuthenticAMD", "HygonGenuine" -> "SVM";
                        case "GenuineIntel" -> "VMX";
                        default -> "";
                    })
                    .orElse("");
        } catch (IOException e) {
            throw new GuestException("cannot read " + PROCESSORS + ": " + e.getMessage(), e);
        }
    }
}
