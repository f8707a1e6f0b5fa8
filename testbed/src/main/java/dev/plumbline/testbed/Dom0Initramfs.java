package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ModuleTree.Module;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// The first file system of dom0: what a guest has, and Xen's tools with the libraries they need, at the places where
/// Debian has them. Built once per content, then taken from the cache.
final class Dom0Initramfs {
    /// Counts changes of what this class puts in that its inputs do not show.
    private static final int EDITION = 3;

    /// Virtio for the exec channel and the disks, ext4 for what is on them, and what Xen's tools talk to. In the end
    /// the other half of the domains' network interfaces.
    private static final List<String> MODULES = List.of(
            "virtio_pci",
            "virtio_console",
            "virtio_blk",
            "crc32c_generic",
            "ext4",
            "xen_evtchn",
            "xen_gntdev",
            "xen_privcmd",
            "xenfs",
            "xen_netback");

    private static final List<String> XEN_PROGRAMS = List.of(
            "xl", "xenstored", "xen-init-dom0", "xenconsoled", "xenconsole", "xenctx", "xen-hvmctx", "xenstore");

    /// What `xl save` and `xl restore` run.
    private static final String SAVE_HELPER = "libxl-save-helper";

    /// Names by which `xenstore` is called.
    private static final List<String> XENSTORE = List.of(
            "xenstore-exists", "xenstore-list", "xenstore-ls", "xenstore-read", "xenstore-rm", "xenstore-write");

    /// What Java, and native code under it, asks for beside libc. The first is loaded by libc when a thread ends.
    private static final List<String> HOST_LIBRARIES =
            List.of("libgcc_s.so.1", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1");

    private static final List<String> DIRECTORIES = List.of(
            "etc/xen",
            "guests",
            "lib64",
            "opt",
            "usr",
            "usr/lib",
            Path.of(XenPackages.PROGRAMS).getParent().toString(),
            "usr/lib/x86_64-linux-gnu",
            XenPackages.PROGRAMS,
            "var",
            "var/lib",
            "var/lib/xen",
            "var/lib/xenstored",
            "var/lock",
            "var/log",
            "var/log/xen");

    private static final Path HOST = Path.of("/usr/lib/x86_64-linux-gnu");
    private static final String LINKER = "lib64/ld-linux-x86-64.so.2";

    private final CacheDirectory cache;

    Dom0Initramfs(CacheDirectory cache) {
        this.cache = cache;
    }

    /// The archive for a kernel that can be dom0.
    ///
    /// @throws GuestException if it cannot be built
    Path archive(KernelStore.Kernel kernel, XenPackages xen) throws GuestException {
        try {
            SequencedMap<String, byte[]> programs =
                    new GuestPrograms(cache).compiled(List.of("guest-agent", "domain-exec"));
            byte[] init = GuestPrograms.resource("dom0-init");
            byte[] interfaceScript = GuestPrograms.resource("dom0-interface");
            programs.put("start-domain", GuestPrograms.resource("start-domain"));
            byte[] busybox = Initramfs.busybox();
            List<byte[]> parts = new ArrayList<>(List.of(
                    (EDITION + kernel.release() + MODULES + XEN_PROGRAMS).getBytes(StandardCharsets.UTF_8),
                    Files.readAllBytes(xen.hypervisor()),
                    Files.readAllBytes(HOST.resolve("libc.so.6")),
                    init,
                    interfaceScript,
                    busybox));
            parts.addAll(programs.sequencedValues());
            String hash = ContentHash.of(parts.toArray(byte[][]::new));
            return cache.entry("initramfs/dom0-" + kernel.release() + "-" + hash + ".cpio", target -> {
                CpioArchive archive = new CpioArchive();
                Initramfs.addUserSpace(archive, busybox, programs);
                DIRECTORIES.forEach(archive::directory);
                archive.link("var/run", "/run");
                archive.program("init", init);
                archive.program("etc/xen/interface", interfaceScript);
                archive.file("etc/xen/xl.conf", new byte[0]);
                addXen(archive, xen);
                addModules(archive, kernel);
                Files.write(target, archive.finish());
            });
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot build the file system of dom0: " + e, e);
        }
    }

    private static void addXen(CpioArchive archive, XenPackages xen) throws IOException {
        List<Path> programs = new ArrayList<>();
        for (String name : XEN_PROGRAMS) {
            Path program = xen.program(name);
            programs.add(program);
            archive.program("bin/" + name, Files.readAllBytes(program));
        }
        Path helper = xen.program(SAVE_HELPER);
        programs.add(helper);
        archive.program(XenPackages.PROGRAMS + "/" + SAVE_HELPER, Files.readAllBytes(helper));
        XENSTORE.forEach(name -> archive.link("bin/" + name, "xenstore"));
        SequencedMap<String, Path> libraries = xen.libraries(programs);
        for (String name : HOST_LIBRARIES) {
            libraries.put(name, HOST.resolve(name));
        }
        for (Map.Entry<String, Path> library : libraries.entrySet()) {
            archive.program("usr/lib/x86_64-linux-gnu/" + library.getKey(), Files.readAllBytes(library.getValue()));
        }
        archive.program(LINKER, Files.readAllBytes(Path.of("/" + LINKER)));
    }

    private static void addModules(CpioArchive archive, KernelStore.Kernel kernel) throws IOException {
        String directory = "lib/modules";
        SequencedMap<String, Module> modules = new ModuleTree(kernel.modules()).closure(MODULES);
        modules.forEach((name, module) -> archive.file(directory + "/" + name + ".ko", module.bytes()));
        archive.file("etc/boot-modules", Initramfs.paths(directory, modules));
    }
}
