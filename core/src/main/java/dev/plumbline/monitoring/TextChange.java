package dev.plumbline.monitoring;

/// A few bytes of code that are not what they were.
///
/// @param owner `null` for the kernel itself, else the module
/// @param address virtual address of the first byte
/// @param built what stood there before any probe was set
/// @param expected what is to stand there now, with what probes have written
/// @param found what does
record TextChange(String owner, long address, byte[] built, byte[] expected, byte[] found) {
    int sizeBytes() {
        return found.length;
    }
}
