package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// A machine under QEMU that runs Xen, with dom0 on it, and domains that are started there. No virtualisation hardware
/// is needed: QEMU emulates it. What runs in dom0 is run through [#dom0].
///
/// It lives no longer than this JVM. Several threads may use it at once.
public final class XenHost implements AutoCloseable {
    /// With nested page tables, as Xen needs them for PVH, and without what its domains would trip over.
    private static final String CPU_MODEL = "qemu64,+svm,+npt";

    /// One vCPU of dom0 leaves the other processor to the domains.
    private static final int PROCESSORS = 2;

    /// What dom0 trusts: where it does not, reading the time is a call of Xen, and Java reads it often. QEMU emulates
    /// no speculation that would have to be hindered, in dom0 or in Xen.
    private static final String DOM0 = "console=hvc0 tsc=reliable mitigations=off ";

    private static final String XEN =
            "console=com1 com1=115200,8n1 noreboot spec-ctrl=no xpti=no dom0_max_vcpus=1 dom0_mem=%1$dM,max:%1$dM";

    /// What a network interface in dom0 can be named.
    private static final Pattern DOMAIN_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,14}");

    private final TestGuest dom0;

    private XenHost(TestGuest dom0) {
        this.dom0 = dom0;
    }

    /// Boots a host and waits until commands can be run in its dom0.
    ///
    /// @param name as in [TestGuest#boot]
    /// @throws GuestException if it does not boot; then nothing is left of it
    public static XenHost boot(String name, XenOptions options) throws GuestException {
        return boot(Testbed.ofUser(), name, options);
    }

    static XenHost boot(Testbed testbed, String name, XenOptions options) throws GuestException {
        HostPackages.checkForXen();
        CacheDirectory cache = testbed.cache();
        XenPackages xen = XenPackages.of(cache);
        KernelStore.Kernel kernel = new KernelStore(cache).dom0();
        Path initramfs = new Dom0Initramfs(cache).archive(kernel, xen);
        BootImages images = new BootImages(
                xen.hypervisor(),
                module(kernel.image()) + " " + DOM0 + BootImages.QUICK + "," + module(initramfs),
                XEN.formatted(options.dom0MemoryMib()));
        List<String> qemu =
                options.reportsBreakpoints() ? BreakpointQemu.commandLine(cache) : List.of(QemuCommandLine.PROGRAM);
        List<String> disks = new ArrayList<>(disk(new DomainDisk(cache).image()));
        Path content = testbed.directoryOf(name).resolve("content.img");
        options.content().ifPresent(directory -> disks.addAll(disk(content)));
        GuestOptions machine = GuestOptions.DEFAULT
                .withCpus(PROCESSORS)
                .withMemoryMib(options.memoryMib())
                .withCpuModel(CPU_MODEL)
                .withExtraQemuArguments(disks.toArray(String[]::new));
        return new XenHost(testbed.boot(name, qemu, images, machine, directory -> {
            if (options.content().isPresent()) {
                DiskImage.make(options.content().get(), content);
            }
        }));
    }

    /// How QEMU wants a file named that it hands on: arguments follow behind a blank.
    private static String module(Path file) throws GuestException {
        if (file.toString().contains(" ")) {
            throw new GuestException(
                    "QEMU cannot load " + file + " because of the blank; set XDG_CACHE_HOME to a directory without");
        }
        return QemuCommandLine.escaped(file);
    }

    private static List<String> disk(Path image) {
        return List.of("-drive", "file=" + QemuCommandLine.escaped(image) + ",format=raw,if=virtio,readonly=on");
    }

    /// The domain that manages the others. In `/guests` it has what domains boot from, in `/opt` the test's content;
    /// what is written elsewhere is in its memory.
    public TestGuest dom0() {
        return dom0;
    }

    /// Starts a domain and waits until commands can be run in it.
    ///
    /// @param name 1 to 15 letters, digits, `-` or `_`, the first a letter or digit; it must be free on this host
    /// @throws GuestException if it does not boot; then nothing is left of it
    public XenDomain start(String name, DomainOptions options) throws GuestException {
        if (!DOMAIN_NAME.matcher(name).matches()) {
            throw new GuestException("\"" + name + "\" cannot name a domain: use 1 to 15 letters, digits, - or _");
        }
        ExecResult created = dom0.exec("exec start-domain %s %s %d %d '%s'"
                .formatted(name, options.kernel(), options.cpus(), options.memoryMib(), options.append()));
        if (created.status() != 0) {
            throw new GuestException("cannot start domain %s: %s"
                    .formatted(
                            name,
                            created.stderrText()
                                    .lines()
                                    .filter(line -> line.contains("error"))
                                    .findFirst()
                                    .orElse("xl ended with status " + created.status())));
        }
        XenDomain domain = new XenDomain(dom0, name);
        try {
            domain.awaitAgent();
            return domain;
        } catch (GuestException e) {
            String last = domain.lastConsoleLine();
            domain.close();
            throw new GuestException("domain " + name + " does not boot; its console ended with \"" + last + "\"", e);
        }
    }

    /// Ends the machine with all that runs on it; does nothing the second time.
    @Override
    public void close() throws GuestException {
        dom0.close();
    }
}
