package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class SymbolTableTest {
    private static final long SEED = 2026;

    @Test
    void anEmptyTableHasNothing() {
        SymbolTable empty = new SymbolTableBuilder(0).build();

        assertThat(empty.size()).isZero();
        assertThat(empty.find("any")).isEmpty();
        assertThat(empty.floorRank(0)).isEqualTo(-1);
        assertThat(empty.floorRank(-1)).isEqualTo(-1);
    }

    @Test
    void aSymbolKeepsWhatItWasGiven() {
        SymbolTable table = new SymbolTableBuilder(0)
                .add(-8, 'T', "start")
                .owner("loop")
                .add(5, 'd', "")
                .owner(null)
                .add(6, 'w', "wéak")
                .build();

        assertThat(List.of(table.name(0), table.name(1), table.name(2))).containsExactly("start", "", "wéak");
        assertThat(List.of(table.type(0), table.type(1), table.type(2))).containsExactly('T', 'd', 'w');
        assertThat(List.of(table.address(0), table.address(1), table.address(2)))
                .containsExactly(-8L, 5L, 6L);
        assertThat(table.owner(0)).isNull();
        assertThat(table.owner(1)).isEqualTo("loop");
        assertThat(table.owner(2)).isNull();
        assertThat(List.of(table.isText(0), table.isText(1), table.isText(2))).containsExactly(true, false, true);
    }

    @Test
    void addressesAreOrderedAsUnsigned() {
        SymbolTable table = new SymbolTableBuilder(0)
                .add(0xffff_ffff_8100_0000L, 'T', "kernel")
                .add(0x1000, 'A', "per_cpu")
                .add(0x7fff_ffff_ffff_ffffL, 'A', "low_half")
                .build();

        assertThat(table.floorRank(0xfff)).isEqualTo(-1);
        assertThat(table.atRank(table.floorRank(0x1000))).isEqualTo(1);
        assertThat(table.atRank(table.floorRank(0x8000_0000_0000_0000L))).isEqualTo(2);
        assertThat(table.atRank(table.floorRank(0xffff_ffff_80ff_ffffL))).isEqualTo(2);
        assertThat(table.atRank(table.floorRank(-1))).isZero();
    }

    @Test
    void theFirstSymbolOfTheKernelItselfIsFound() {
        SymbolTable table = new SymbolTableBuilder(0)
                .owner("loop")
                .add(1, 't', "init")
                .owner(null)
                .add(2, 't', "init")
                .add(3, 't', "init")
                .owner("loop")
                .add(4, 't', "only_in_loop")
                .build();

        assertThat(table.find("init")).hasValue(1);
        assertThat(table.find("only_in_loop")).isEmpty();
        assertThat(table.find("ini")).isEmpty();
        assertThat(table.find("")).isEmpty();
    }

    @Test
    void anyMixIsSortedStablyAndFoundByName() {
        for (int round = 0; round < 200; round++) {
            Random random = new Random(SEED + round);
            SymbolTableBuilder builder = new SymbolTableBuilder(1);
            int sorted = random.nextInt(300);
            long address = random.nextLong(1000);
            for (int i = 0; i < sorted + random.nextInt(300); i++) {
                address = i < sorted ? address + random.nextInt(3) : random.nextLong(2000) - 500;
                builder.add(address, 't', "name" + random.nextInt(400));
            }
            check(builder.build(), "seed " + (SEED + round));
        }
    }

    @Test
    void aTableThatStartsWithAnotherIsLikeOneMadeAtOnce() {
        Random random = new Random(SEED);
        SymbolTableBuilder core = new SymbolTableBuilder(0);
        SymbolTableBuilder atOnce = new SymbolTableBuilder(0);
        for (int i = 0; i < 500; i++) {
            core.add(i / 2, 't', "core" + i);
            atOnce.add(i / 2, 't', "core" + i);
        }
        SymbolTableBuilder more = SymbolTableBuilder.startingWith(core.build(), 0);
        for (SymbolTableBuilder builder : List.of(more, atOnce)) {
            random.setSeed(SEED);
            for (int i = 0; i < 500; i++) {
                builder.owner("module" + i / 50).add(random.nextInt(1000), 'd', "core" + random.nextInt(600));
            }
        }
        SymbolTable table = more.build();

        assertThat(LinuxKernelTest.listed(table)).isEqualTo(LinuxKernelTest.listed(atOnce.build()));
        assertThat(table.owner(999)).isEqualTo("module9");
        assertThat(table.find("core7")).hasValue(7);
        assertThat(table.find("core599")).isEmpty();
        check(table, "seed " + SEED);
    }

    @Test
    void aSymbolOfTheKernelAddedBehindAnotherTableIsFoundToo() {
        SymbolTable core = new SymbolTableBuilder(0).add(1, 't', "one").build();
        SymbolTable both =
                SymbolTableBuilder.startingWith(core, 0).add(2, 't', "two").build();

        assertThat(both.find("one")).hasValue(0);
        assertThat(both.find("two")).hasValue(1);
    }

    private static void check(SymbolTable table, String description) {
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < table.size(); i++) {
            expected.add(i);
        }
        expected.sort((a, b) -> Long.compareUnsigned(table.address(a), table.address(b)));
        for (int rank = 0; rank < table.size(); rank++) {
            assertThat(table.atRank(rank)).as(description).isEqualTo(expected.get(rank));
        }
        for (long address = -3; address < 20; address++) {
            int floor = table.floorRank(address);
            long wanted = address;
            long below = expected.stream()
                    .filter(symbol -> Long.compareUnsigned(table.address(symbol), wanted) <= 0)
                    .count();
            assertThat(floor).as(description).isEqualTo((int) below - 1);
        }
        for (int symbol = 0; symbol < table.size(); symbol++) {
            if (table.owner(symbol) == null) {
                int first = table.find(table.name(symbol)).orElseThrow();
                assertThat(first).as(description).isLessThanOrEqualTo(symbol);
                assertThat(table.name(first)).isEqualTo(table.name(symbol));
            }
        }
    }
}
