package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Addresses are looked up as the guest does it, in a copy of the table that is kept by what is told of changes.
@Timeout(60)
class KnownEntriesTest {
    private static final long TEXT = 0xffff_ffff_8100_0000L;
    private static final long SEED = 20_261_125;

    private final Map<Integer, Long> copy = new HashMap<>();

    // How the guest's code does it; more steps than words would be one that never ends.
    private boolean knows(KnownEntries entries, long address) {
        int place = (int) (address * KnownEntries.FACTOR) >>> Integer.SIZE - entries.wordsLog2();
        for (int step = 0; step < 1 << entries.wordsLog2(); step++) {
            long word = copy.getOrDefault(place, 0L);
            if (word == address || word == 0) {
                return word == address;
            }
            place = place + 1 & (1 << entries.wordsLog2()) - 1;
        }
        throw new AssertionError("a search that never ends");
    }

    private void hold(KnownEntries entries, Set<Long> addresses) {
        entries.hold(addresses, index -> copy.put(index, entries.word(index)));
    }

    private static Set<Long> addresses(Random random, int count) {
        Set<Long> addresses = new HashSet<>();
        while (addresses.size() < count) {
            addresses.add(TEXT + random.nextInt(1 << 20) * 16L);
        }
        return addresses;
    }

    @Test
    void whatIsHeldIsFoundAndNothingElse() {
        Random random = new Random(SEED);
        Set<Long> held = addresses(random, 40_000);
        KnownEntries entries = new KnownEntries(held.size());
        hold(entries, held);
        assertThat(held).allMatch(address -> knows(entries, address));
        assertThat(addresses(random, 10_000)).allMatch(address -> knows(entries, address) == held.contains(address));
    }

    @Test
    void whatComesAndGoesIsKnownMeanwhile() {
        Random random = new Random(SEED);
        Set<Long> always = addresses(random, 10_000);
        KnownEntries entries = new KnownEntries(always.size());
        for (int round = 0; round < 50; round++) {
            Set<Long> others = addresses(random, 2_000);
            others.removeAll(always);
            Set<Long> now = new HashSet<>(always);
            now.addAll(others);
            hold(entries, now);
            assertThat(now).allMatch(address -> knows(entries, address));
            hold(entries, always);
            assertThat(always).allMatch(address -> knows(entries, address));
            assertThat(others).noneMatch(address -> knows(entries, address));
        }
    }

    @Test
    void onlyWhatChangesIsTold() {
        KnownEntries entries = new KnownEntries(10);
        hold(entries, Set.of(TEXT, TEXT + 16));
        assertThat(copy).hasSize(2);
        copy.clear();
        hold(entries, Set.of(TEXT, TEXT + 16));
        assertThat(copy).isEmpty();
        hold(entries, Set.of(TEXT, TEXT + 32));
        assertThat(copy).hasSize(2).containsValue(TEXT + 32);
    }

    @Test
    void aTableThatIsFullTakesNoMoreAndIsStillSearchedToAnEnd() {
        Random random = new Random(SEED);
        KnownEntries entries = new KnownEntries(1);
        int words = 1 << entries.wordsLog2();
        Set<Long> many = addresses(random, words * 2);
        hold(entries, many);
        long known = many.stream().filter(address -> knows(entries, address)).count();
        assertThat(known).isEqualTo(words / 4 * 3);
        assertThat(knows(entries, TEXT - 16)).isFalse();
        hold(entries, Set.of(TEXT - 16));
        assertThat(many).noneMatch(address -> knows(entries, address));
        assertThat(knows(entries, TEXT - 16)).isTrue();
    }
}
