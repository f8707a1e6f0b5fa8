package dev.plumbline.testbed;

import java.nio.file.Path;

/// What QEMU loads and starts by itself, without any disk.
///
/// @param kernel a bzImage, or a multiboot program
/// @param initrd the file loaded with it; for a multiboot program several, separated by commas, each with its
/// arguments behind a blank
/// @param append the arguments of the kernel
record BootImages(Path kernel, String initrd, String append) {
    /// Warnings go to the console, and the generator of random numbers is ready at once, so that nothing waits
    /// for it.
    static final String QUICK = "loglevel=5 random.trust_cpu=on rdinit=/init";

    /// Linux as a guest of QEMU.
    static BootImages linux(KernelStore.Kernel kernel, Path initramfs) {
        return new BootImages(kernel.image(), initramfs.toString(), "console=ttyS0 " + QUICK);
    }
}
