package dev.plumbline.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/// Changes bytes here and there, and puts them back.
final class Mutator {
    private static final int MOST_BYTES = 32;
    private static final long[] TELLING = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL, -1, Long.MIN_VALUE, Long.MAX_VALUE
    };

    private final ByteBuffer bytes;
    private final byte[] pristine;
    private final Random random;

    Mutator(byte[] bytes, Random random) {
        this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        this.pristine = bytes.clone();
        this.random = random;
    }

    /// Changes something at an offset in `[start, end)`, in words of `wordBytes`, and somewhat beyond it.
    void change(long start, long end, int wordBytes) {
        int at = (int) (start + random.nextLong((end - start) / wordBytes) * wordBytes);
        long telling = TELLING[random.nextInt(TELLING.length)];
        switch (random.nextInt(5)) {
            case 0 -> put(at, wordBytes, telling);
            case 1 -> bytes.put(at + random.nextInt(wordBytes), (byte) telling);
            case 2 -> flip(at + random.nextInt(wordBytes));
            case 3 -> put(at, wordBytes, random.nextLong());
            default -> fill(at, 1 + random.nextInt(MOST_BYTES));
        }
    }

    private void put(int at, int wordBytes, long value) {
        for (int i = 0; i < wordBytes; i++) {
            bytes.put(at + i, (byte) (value >> 8 * i));
        }
    }

    private void flip(int at) {
        bytes.put(at, (byte) (bytes.get(at) ^ 1 << random.nextInt(8)));
    }

    private void fill(int at, int count) {
        byte[] noise = new byte[Math.min(count, bytes.capacity() - at)];
        random.nextBytes(noise);
        bytes.put(at, noise);
    }

    void restore() {
        System.arraycopy(pristine, 0, bytes.array(), 0, pristine.length);
    }
}
