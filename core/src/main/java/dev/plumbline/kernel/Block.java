package dev.plumbline.kernel;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// A copy of some guest memory with little-endian accessors. Every offset is checked: what lies outside is a
/// [KernelFormatException] that names what was read and where.
final class Block {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final String what;
    private final long address;
    private final byte[] bytes;

    Block(String what, long address, byte[] bytes) {
        this.what = what;
        this.address = address;
        this.bytes = bytes;
    }

    long address() {
        return address;
    }

    int size() {
        return bytes.length;
    }

    /// The bytes themselves, not a copy.
    byte[] bytes() {
        return bytes;
    }

    int u8(long offset) throws KernelFormatException {
        return bytes[check(offset, 1)] & 0xff;
    }

    int u16(long offset) throws KernelFormatException {
        return (short) SHORT.get(bytes, check(offset, 2)) & 0xffff;
    }

    int s32(long offset) throws KernelFormatException {
        return (int) INT.get(bytes, check(offset, 4));
    }

    long u32(long offset) throws KernelFormatException {
        return s32(offset) & 0xffff_ffffL;
    }

    long s64(long offset) throws KernelFormatException {
        return (long) LONG.get(bytes, check(offset, 8));
    }

    /// An unsigned number of 1, 2, 4 or 8 bytes.
    long unsigned(long offset, int sizeBytes) throws KernelFormatException {
        return switch (sizeBytes) {
            case 1 -> u8(offset);
            case 2 -> u16(offset);
            case 4 -> u32(offset);
            case 8 -> s64(offset);
            default -> throw malformed(offset, "a number of " + sizeBytes + " bytes");
        };
    }

    /// The text from `offset` to the next NUL, or of `limitBytes` bytes if none comes before.
    String text(long offset, int limitBytes) throws KernelFormatException {
        int start = check(offset, 0);
        int end = start;
        int limit = Math.min(bytes.length, start + limitBytes);
        while (end < limit && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, start, end - start, StandardCharsets.ISO_8859_1);
    }

    KernelFormatException malformed(long offset, String problem) {
        return new KernelFormatException(what, address + offset, problem);
    }

    private int check(long offset, int length) throws KernelFormatException {
        if (offset < 0 || offset > bytes.length - length) {
            throw malformed(offset, "outside the " + bytes.length + " bytes that belong to it");
        }
        return (int) offset;
    }
}
