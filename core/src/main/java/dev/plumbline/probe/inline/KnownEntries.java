package dev.plumbline.probe.inline;

import java.util.HashSet;
import java.util.Set;
import java.util.function.IntConsumer;

/// A table of addresses as guest code looks through it: words, 0 where free, each address at the first word from its
/// own place on that was free. Written by the monitor host only; each single word may be written while it is read.
///
/// At most three quarters hold something, so that whoever looks always comes to an end.
final class KnownEntries {
    /// What the low half of an address is multiplied by; the product's high bits are its place.
    static final int FACTOR = 0x9e37_79b1;

    private static final int SMALLEST_LOG2 = 14;
    /// With a second table of the same size it fills the largest block there is.
    private static final int LARGEST_LOG2 = 18;
    /// Where an address was. No function is there.
    private static final long GONE = 1;

    private final int wordsLog2;
    private final long[] words;
    private final Set<Long> held = new HashSet<>();
    private int inUse;

    /// @param expected how many addresses it will hold at first; there is room for as many again
    KnownEntries(int expected) {
        int wanted = Integer.SIZE - Integer.numberOfLeadingZeros(Math.min(expected, 1 << LARGEST_LOG2) * 2);
        this.wordsLog2 = Math.clamp(wanted, SMALLEST_LOG2, LARGEST_LOG2);
        this.words = new long[1 << wordsLog2];
    }

    private KnownEntries(int wordsLog2, Set<Long> addresses) {
        this.wordsLog2 = wordsLog2;
        this.words = new long[1 << wordsLog2];
        addresses.forEach(address -> add(address, _ -> {}));
    }

    int wordsLog2() {
        return wordsLog2;
    }

    long word(int index) {
        return words[index];
    }

    /// Holds these and no others, as far as there is room.
    ///
    /// @param changed told the index of each word that has changed; a copy has to follow in this order
    void hold(Set<Long> addresses, IntConsumer changed) {
        for (long address :
                held.stream().filter(each -> !addresses.contains(each)).toList()) {
            held.remove(address);
            set(find(address, address), GONE, changed);
        }
        if (inUse + addresses.size() - held.size() > words.length / 4 * 3) {
            sweep(changed);
        }
        for (long address : addresses) {
            if (!held.contains(address)) {
                add(address, changed);
            }
        }
    }

    // Makes what is gone free, by placing all anew. Words become free before others do not: there is always one.
    private void sweep(IntConsumer changed) {
        KnownEntries fresh = new KnownEntries(wordsLog2, held);
        for (int index = 0; index < words.length; index++) {
            if (words[index] != 0 && fresh.words[index] == 0) {
                set(index, 0, changed);
            }
        }
        for (int index = 0; index < words.length; index++) {
            if (words[index] != fresh.words[index]) {
                set(index, fresh.words[index], changed);
            }
        }
        inUse = fresh.inUse;
    }

    private void add(long address, IntConsumer changed) {
        int gone = find(address, GONE);
        boolean isReused = words[gone] == GONE;
        if (!isReused && inUse >= words.length / 4 * 3) {
            return;
        }
        inUse += isReused ? 0 : 1;
        held.add(address);
        set(gone, address, changed);
    }

    // The first word from the address's place on that holds the value or is free.
    private int find(long address, long value) {
        int at = (int) address * FACTOR >>> Integer.SIZE - wordsLog2;
        while (words[at] != value && words[at] != 0) {
            at = at + 1 & words.length - 1;
        }
        return at;
    }

    private void set(int index, long value, IntConsumer changed) {
        words[index] = value;
        changed.accept(index);
    }
}
