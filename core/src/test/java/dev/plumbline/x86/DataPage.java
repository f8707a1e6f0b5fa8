package dev.plumbline.x86;

import dev.plumbline.machine.GuestException;
import java.util.SortedMap;
import java.util.TreeMap;

/// One page of memory with nothing around it, and what was changed in it.
final class DataPage implements DataMemory {
    static final long ADDRESS = 0x2000_0000L;
    static final int BYTES = 4096;

    private final byte[] before;
    private final SortedMap<Integer, Byte> written = new TreeMap<>();

    /// @param before what is in the page; it is left as it is
    DataPage(byte[] before) {
        this.before = before;
    }

    /// The bytes that are not what they were, by their offset.
    SortedMap<Integer, Byte> changed() {
        SortedMap<Integer, Byte> changed = new TreeMap<>(written);
        changed.entrySet().removeIf(e -> before[e.getKey()] == e.getValue());
        return changed;
    }

    @Override
    public long read(long address, int bytes) throws GuestException {
        int offset = offset(address, bytes);
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            value = value << 8 | written.getOrDefault(offset + i, before[offset + i]) & 0xff;
        }
        return value;
    }

    @Override
    public void write(long address, int bytes, long value) throws GuestException {
        int offset = offset(address, bytes);
        for (int i = 0; i < bytes; i++) {
            written.put(offset + i, (byte) (value >>> 8 * i));
        }
    }

    private static int offset(long address, int bytes) throws GuestException {
        long offset = address - ADDRESS;
        if (offset < 0 || offset > BYTES - bytes) {
            throw new GuestException("nothing is mapped at 0x" + Long.toHexString(address));
        }
        return (int) offset;
    }
}
