package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/// The disk with what domains boot from, which dom0 finds as `/guests`: for each kernel series `vmlinuz-SERIES`, made
/// by [PvhLoader], and `initramfs-SERIES`, the same as under QEMU. Built once per content, then taken from the cache.
final class DomainDisk {
    private final CacheDirectory cache;

    DomainDisk(CacheDirectory cache) {
        this.cache = cache;
    }

    /// The disk's image.
    ///
    /// @throws GuestException if it cannot be built
    Path image() throws GuestException {
        Map<GuestKernel, KernelStore.Kernel> kernels = new EnumMap<>(GuestKernel.class);
        Map<GuestKernel, Path> initramfs = new EnumMap<>(GuestKernel.class);
        StringBuilder names = new StringBuilder();
        for (GuestKernel series : GuestKernel.values()) {
            KernelStore.Kernel kernel = new KernelStore(cache).kernel(series);
            Path archive = new Initramfs(cache).archive(kernel);
            kernels.put(series, kernel);
            initramfs.put(series, archive);
            names.append(kernel.release())
                    .append(' ')
                    .append(archive.getFileName())
                    .append(' ');
        }
        try {
            String hash = ContentHash.of(
                    names.toString().getBytes(StandardCharsets.UTF_8), GuestPrograms.resource("pvh-loader.c"));
            return cache.entry("domains/" + hash + ".img", target -> {
                Path directory = Files.createTempDirectory("plumbline-domains-");
                try {
                    for (GuestKernel series : kernels.keySet()) {
                        PvhLoader.wrap(kernels.get(series).image(), directory.resolve("vmlinuz-" + series));
                        Files.copy(initramfs.get(series), directory.resolve("initramfs-" + series));
                    }
                    DiskImage.make(directory, target);
                } finally {
                    FileTree.delete(directory);
                }
            });
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot build the disk of domains: " + e, e);
        }
    }
}
