package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ModuleTree.Module;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.SequencedCollection;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The first and only file system of a test guest: busybox, our programs, a few of the kernel's modules,
/// `/init`. Built once per kernel and content, then taken from the cache.
final class Initramfs {
    /// Counts changes of what this class puts in that its inputs do not show.
    private static final int EDITION = 2;

    /// What the exec channel needs, in 6.1; built into 6.12.
    private static final List<String> BOOT_MODULES = List.of("virtio_pci", "virtio_console");

    /// What it needs in a domain of Xen.
    private static final List<String> DOMAIN_MODULES = List.of("xen_netfront");

    /// For guests to load and unload: some alone, some with dependencies (8021q, bridge, nf_conntrack).
    private static final List<String> SPARE_MODULES =
            List.of("dummy", "loop", "tun", "veth", "8021q", "bridge", "nf_conntrack");

    private static final List<String> DIRECTORIES =
            List.of("bin", "dev", "etc", "lib", "lib/modules", "proc", "root", "run", "sys", "tmp");

    private final CacheDirectory cache;

    Initramfs(CacheDirectory cache) {
        this.cache = cache;
    }

    /// The archive for a kernel.
    ///
    /// @throws GuestException if it cannot be built
    Path archive(KernelStore.Kernel kernel) throws GuestException {
        try {
            SequencedMap<String, byte[]> programs = new GuestPrograms(cache).compiled();
            byte[] busybox = busybox();
            byte[] init = GuestPrograms.resource("init");
            String key = EDITION + kernel.release() + BOOT_MODULES + DOMAIN_MODULES + SPARE_MODULES;
            String hash = ContentHash.of(
                    key.getBytes(StandardCharsets.UTF_8),
                    init,
                    busybox,
                    programs.sequencedValues().stream()
                            .map(ContentHash::of)
                            .collect(Collectors.joining())
                            .getBytes());
            return cache.entry(
                    "initramfs/" + kernel.release() + "-" + hash + ".cpio",
                    target -> Files.write(target, build(kernel, init, busybox, programs)));
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot build the guest's file system: " + e, e);
        }
    }

    private static byte[] build(
            KernelStore.Kernel kernel, byte[] init, byte[] busybox, SequencedMap<String, byte[]> programs)
            throws IOException {
        CpioArchive archive = new CpioArchive();
        addUserSpace(archive, busybox, programs);
        archive.program("init", init);
        addModules(archive, kernel);
        return archive.finish();
    }

    static byte[] busybox() throws IOException {
        return Files.readAllBytes(
                HostPackages.find("busybox").orElseThrow(() -> new GuestException("there is no busybox on this host")));
    }

    /// Directories, busybox with a link for each of its programs, and programs of our own, which go before.
    static void addUserSpace(CpioArchive archive, byte[] busybox, SequencedMap<String, byte[]> programs)
            throws IOException {
        DIRECTORIES.forEach(archive::directory);
        archive.characterDevice("dev/console", 5, 1);
        archive.link("sbin", "bin");
        archive.program("bin/busybox", busybox);
        for (String applet : applets()) {
            if (!applet.equals("busybox") && !programs.containsKey(applet)) {
                archive.link("bin/" + applet, "busybox");
            }
        }
        programs.forEach((name, content) -> archive.program("bin/" + name, content));
        archive.file("etc/passwd", "root::0:0:root:/root:/bin/sh\n".getBytes(StandardCharsets.UTF_8));
        archive.file("etc/group", "root:x:0:\n".getBytes(StandardCharsets.UTF_8));
    }

    private static List<String> applets() throws GuestException {
        byte[] list = HostCommand.output(Path.of("/"), 10, List.of("busybox", "--list"));
        return new String(list, StandardCharsets.UTF_8).lines().toList();
    }

    private static void addModules(CpioArchive archive, KernelStore.Kernel kernel) throws IOException {
        String directory = "lib/modules/" + kernel.release();
        ModuleTree tree = new ModuleTree(kernel.modules());
        SequencedMap<String, Module> modules = tree.closure(BOOT_MODULES);
        modules.putAll(tree.closure(DOMAIN_MODULES));
        modules.putAll(tree.closure(SPARE_MODULES));
        archive.directory(directory);
        modules.forEach((name, module) -> archive.file(directory + "/" + name + ".ko", module.bytes()));
        archive.file(directory + "/modules.dep", dependencyFile(modules));
        archive.file("etc/boot-modules", paths(directory, tree.closure(BOOT_MODULES)));
        archive.file("etc/domain-modules", paths(directory, tree.closure(DOMAIN_MODULES)));
    }

    /// The modules' files for `insmod`, one a line, in the order in which they can be loaded.
    static byte[] paths(String directory, SequencedMap<String, Module> modules) {
        return lines(modules.sequencedKeySet(), name -> "/" + directory + "/" + name + ".ko");
    }

    /// In the format of depmod: `module.ko: all it needs`, each in front of what it needs in turn.
    ///
    /// @param modules each behind what it needs
    static byte[] dependencyFile(SequencedMap<String, Module> modules) {
        return lines(modules.sequencedValues(), module -> {
            Set<String> needed = needed(module, modules);
            return module.name() + ".ko:"
                    + modules.sequencedKeySet().reversed().stream()
                            .filter(needed::contains)
                            .map(name -> " " + name + ".ko")
                            .collect(Collectors.joining());
        });
    }

    private static Set<String> needed(Module module, SequencedMap<String, Module> modules) {
        Set<String> names = new HashSet<>(module.dependencies());
        module.dependencies().forEach(name -> names.addAll(needed(modules.get(name), modules)));
        return names;
    }

    private static <T> byte[] lines(SequencedCollection<T> items, Function<T, String> line) {
        return items.stream()
                .map(item -> line.apply(item) + "\n")
                .collect(Collectors.joining())
                .getBytes(StandardCharsets.UTF_8);
    }
}
