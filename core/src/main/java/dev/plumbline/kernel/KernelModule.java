package dev.plumbline.kernel;

/// A loaded module, as `lsmod` and /proc/modules show it.
///
/// @param name its name
/// @param address where its `struct module` lies
/// @param base where its code starts, as in /proc/modules
/// @param sizeBytes its size in memory as /proc/modules prints it, all parts together
/// @param textSizeBytes how long its code is
public record KernelModule(String name, long address, long base, long sizeBytes, long textSizeBytes) {

    /// Whether its code lies at an address.
    public boolean hasCodeAt(long place) {
        return place - base >= 0 && place - base < textSizeBytes;
    }
}
