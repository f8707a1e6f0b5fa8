package dev.plumbline.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Little-endian bytes that grow, for the builders.
final class Bytes {
    private ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

    int size() {
        return buffer.position();
    }

    Bytes u8(int value) {
        room(1).put((byte) value);
        return this;
    }

    Bytes u16(int value) {
        room(2).putShort((short) value);
        return this;
    }

    Bytes u32(long value) {
        room(4).putInt((int) value);
        return this;
    }

    Bytes u64(long value) {
        room(8).putLong(value);
        return this;
    }

    Bytes raw(byte... bytes) {
        room(bytes.length).put(bytes);
        return this;
    }

    /// A text and the NUL behind it.
    Bytes text(String text) {
        return raw(text.getBytes(StandardCharsets.ISO_8859_1)).u8(0);
    }

    Bytes align(int alignment) {
        while (size() % alignment != 0) {
            u8(0);
        }
        return this;
    }

    byte[] array() {
        return Arrays.copyOf(buffer.array(), size());
    }

    private ByteBuffer room(int bytes) {
        if (buffer.remaining() < bytes) {
            byte[] larger = Arrays.copyOf(buffer.array(), Math.max(buffer.capacity() * 2, size() + bytes));
            buffer = ByteBuffer.wrap(larger).order(ByteOrder.LITTLE_ENDIAN).position(size());
        }
        return buffer;
    }
}
