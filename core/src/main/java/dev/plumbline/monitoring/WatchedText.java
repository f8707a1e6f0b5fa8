package dev.plumbline.monitoring;

import dev.plumbline.kernel.CodeRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A region of code: as it was before any probe was set, and as it was last seen.
///
/// @param built the region as it was
/// @param memory what is watched
record WatchedText(CodeRegion built, WatchedMemory memory) {

    static WatchedText of(CodeRegion region) {
        return new WatchedText(
                region, new WatchedMemory(region.baseAddress(), region.bytes().toArray(ValueLayout.JAVA_BYTE)));
    }

    /// Whether it is this very reading of a region.
    boolean isOf(CodeRegion region) {
        return built.bytes().equals(region.bytes()) && built.baseAddress() == region.baseAddress();
    }

    /// The bytes that stood there, fewer at the region's end.
    byte[] built(long address, int sizeBytes) {
        long at = address - built.baseAddress();
        MemorySegment bytes = built.bytes();
        return bytes.asSlice(at, Math.min(sizeBytes, bytes.byteSize() - at)).toArray(ValueLayout.JAVA_BYTE);
    }
}
