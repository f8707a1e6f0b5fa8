package dev.plumbline.extraction;

import java.util.Arrays;
import java.util.SplittableRandom;

/// From numbers other than 0 to numbers other than 0, open addressing, key beside value. What is not there is 0.
/// Forgets everything when it has grown to its bound. The multiplier is secret: a guest cannot choose keys that
/// collide. For one thread.
public final class LongTable {
    private final long multiplier = new SplittableRandom().nextLong() | 1;
    private final int mostEntries;
    private long[] slots;
    private int shift;
    private int count;

    /// @param mostEntries how many entries there may be, a power of two and at least 16
    public LongTable(int mostEntries) {
        this.mostEntries = mostEntries;
        allocate(16);
    }

    private void allocate(int entries) {
        slots = new long[entries * 4];
        shift = Long.numberOfLeadingZeros(entries * 2L - 1);
    }

    /// The value of a key, or 0.
    public long find(long key) {
        int mask = slots.length - 1;
        int slot = slot(key);
        // An empty slot has the key 0 and the value 0.
        while (slots[slot] != key && slots[slot] != 0) {
            slot = slot + 2 & mask;
        }
        return slots[slot + 1];
    }

    /// Adds a key that is not there; the key 0 is ignored.
    public void add(long key, long value) {
        if (key == 0) {
            return;
        }
        if (count == slots.length / 4) {
            makeRoom();
        }
        insert(key, value);
        count++;
    }

    private void insert(long key, long value) {
        int mask = slots.length - 1;
        int slot = slot(key);
        while (slots[slot] != 0) {
            slot = slot + 2 & mask;
        }
        slots[slot] = key;
        slots[slot + 1] = value;
    }

    private void makeRoom() {
        if (count >= mostEntries) {
            Arrays.fill(slots, 0);
            count = 0;
            return;
        }
        long[] old = slots;
        allocate(count * 2);
        for (int slot = 0; slot < old.length; slot += 2) {
            if (old[slot] != 0) {
                insert(old[slot], old[slot + 1]);
            }
        }
    }

    private int slot(long key) {
        return (int) (key * multiplier >>> shift) << 1;
    }
}
