package dev.plumbline.probe.inline;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.util.Arrays;

/// Reads many small places that ascend, a page of memory at a time. What it answers may be as old as itself.
final class TextPages {
    private static final int PAGE_BYTES = 4096;

    private final GuestText text;
    private long number = -1;
    private byte[] page = {};

    TextPages(GuestText text) {
        this.text = text;
    }

    /// Copies bytes; across pages they are read as they are asked for.
    byte[] read(PhysicalAddress address, int sizeBytes) throws GuestException {
        int offset = (int) (address.value() & PAGE_BYTES - 1);
        if (offset + sizeBytes > PAGE_BYTES) {
            return text.readPhysical(address, sizeBytes);
        }
        if (address.value() / PAGE_BYTES != number) {
            page = text.readPhysical(new PhysicalAddress(address.value() & -PAGE_BYTES), PAGE_BYTES);
            number = address.value() / PAGE_BYTES;
        }
        return Arrays.copyOfRange(page, offset, offset + sizeBytes);
    }
}
