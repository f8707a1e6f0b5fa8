package dev.plumbline.machine;

import static dev.plumbline.machine.PageTables.NO_EXECUTE;
import static dev.plumbline.machine.PageTables.PAGE_1G;
import static dev.plumbline.machine.PageTables.PAGE_2M;
import static dev.plumbline.machine.PageTables.PAGE_4K;
import static dev.plumbline.machine.PageTables.PRESENT;
import static dev.plumbline.machine.PageTables.USER;
import static dev.plumbline.machine.PageTables.WRITABLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class AddressSpaceTest {
    private static final long KERNEL = 0xffff_ffff_8000_0000L;
    private static final long ROOT = 0x10_0000;
    private static final int RAM_BYTES = 8 << 20;

    private final FakeMachine machine = new FakeMachine().ram(0, RAM_BYTES);

    @ParameterizedTest
    @CsvSource({"4, 12", "4, 21", "4, 30", "5, 12", "5, 21", "5, 30"})
    void aPageOfEachSizeIsFoundUnderEachNumberOfLevels(int levels, int pageBits) throws GuestException {
        long size = 1L << pageBits;
        AddressSpace space = new PageTables(machine, ROOT, levels)
                .map(KERNEL, 3 * size, size, WRITABLE)
                .addressSpace();

        assertThat(space.translate(new VirtualAddress(KERNEL + 0xabc)))
                .isEqualTo(new Translation.Mapped(new PhysicalAddress(3 * size + 0xabc), size, true, true, false));
        assertThat(space.physical(new VirtualAddress(KERNEL + size - 1))).isEqualTo(4 * size - 1);
        assertThat(space.levels()).isEqualTo(levels);
        assertThat(space.root()).isEqualTo(new PhysicalAddress(ROOT));
    }

    @Test
    void rightsAreThoseThatEveryLevelGrants() throws GuestException {
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .map(KERNEL, 0, PAGE_4K, USER | NO_EXECUTE)
                .map(KERNEL + PAGE_4K, 0, PAGE_4K, WRITABLE)
                .addressSpace();

        assertThat(space.translate(new VirtualAddress(KERNEL)))
                .isEqualTo(new Translation.Mapped(new PhysicalAddress(0), PAGE_4K, false, false, true));
        assertThat(space.translate(new VirtualAddress(KERNEL + PAGE_4K)))
                .isEqualTo(new Translation.Mapped(new PhysicalAddress(0), PAGE_4K, true, true, false));
    }

    @ParameterizedTest
    @CsvSource({"4, 1", "4, 2", "4, 3", "4, 4", "5, 1", "5, 2", "5, 3", "5, 4", "5, 5"})
    void theLevelThatIsNotPresentIsNamed(int levels, int missing) throws GuestException {
        AddressSpace space = new PageTables(machine, ROOT, levels)
                .putEntry(KERNEL, missing, ~PRESENT)
                .addressSpace();

        assertThat(space.translate(new VirtualAddress(KERNEL))).isEqualTo(new Translation.Unmapped(missing));
        assertThatThrownBy(() -> space.physical(new VirtualAddress(KERNEL)))
                .isInstanceOf(UnreadableMemoryException.class)
                .hasMessageContaining("0xffffffff80000000");
    }

    @ParameterizedTest
    @CsvSource({
        "4, 0x0000800000000000",
        "4, 0xffff7fffffffffff",
        "4, 0x8000000000000000",
        "5, 0x0100000000000000",
        "5, 0xfeffffffffffffff"
    })
    void anAddressThatIsNotCanonicalIsMappedNowhere(int levels, String address) throws GuestException {
        AddressSpace space = new PageTables(machine, ROOT, levels).addressSpace();
        long value = Long.parseUnsignedLong(address.substring(2), 16);

        assertThat(space.translate(new VirtualAddress(value))).isEqualTo(new Translation.Unmapped(0));
        assertThat(machine.calls()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void aTableOutsideRamIsAnUnreadableAddress(int level) {
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .putEntry(KERNEL, level, 0x7_ffff_f000L | PRESENT)
                .addressSpace();

        assertThatThrownBy(() -> space.translate(new VirtualAddress(KERNEL)))
                .isInstanceOf(UnreadableMemoryException.class);
    }

    @Test
    void aRootOutsideRamIsAnUnreadableAddress() {
        AddressSpace space = new AddressSpace(machine, new PhysicalAddress(1L << 40), 4);

        assertThatThrownBy(() -> space.translate(new VirtualAddress(0))).isInstanceOf(UnreadableMemoryException.class);
    }

    @Test
    void aTableThatPointsToItselfEndsTheWalkAtItsOwnPage() throws GuestException {
        int slot = 0x1ed;
        machine.putLong(ROOT + 8 * slot, ROOT | PRESENT);
        AddressSpace space = new AddressSpace(machine, new PhysicalAddress(ROOT), 4);
        long self = 0xffff_0000_0000_0000L;
        for (int level = 1; level <= 4; level++) {
            self |= (long) slot << (12 + 9 * (level - 1));
        }

        assertThat(space.physical(new VirtualAddress(self + 8 * slot))).isEqualTo(ROOT + 8 * slot);
    }

    @Test
    void largeBitOfAnUpperLevelIsIgnored() throws GuestException {
        AddressSpace space =
                new PageTables(machine, ROOT, 4).map(KERNEL, 0x5000, PAGE_4K, 0).addressSpace();
        machine.putLong(ROOT + 8 * 511, (ROOT + PAGE_4K) | PRESENT | PageTables.LARGE);

        assertThat(space.physical(new VirtualAddress(KERNEL))).isEqualTo(0x5000);
    }

    @Test
    void aReadGoesAcrossPagesOfAllSizes() throws GuestException {
        byte[] expected = new byte[(int) PAGE_2M];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (byte) (i * 31 >>> 3);
        }
        machine.put(0x20_0000, expected);
        machine.put(0x8000, (byte) 1, (byte) 2, (byte) 3);
        machine.put(0x6ffe, (byte) 8, (byte) 9);
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .map(KERNEL, 0x20_0000, PAGE_2M, 0)
                .map(KERNEL - PAGE_4K, 0x6000, PAGE_4K, 0)
                .map(KERNEL + PAGE_2M, 0x8000, PAGE_4K, 0)
                .addressSpace();

        byte[] read = new byte[expected.length + 5];
        space.read(new VirtualAddress(KERNEL - 2), MemorySegment.ofArray(read));

        assertThat(read).startsWith(8, 9).endsWith(1, 2, 3);
        assertThat(java.util.Arrays.copyOfRange(read, 2, read.length - 3)).isEqualTo(expected);
    }

    @Test
    void pagesThatFollowEachOtherArePhysicallyReadAtOnce() throws GuestException {
        PageTables tables = new PageTables(machine, ROOT, 4);
        for (int page = 0; page < 16; page++) {
            tables.map(KERNEL + page * PAGE_4K, 0x40_0000 + page * PAGE_4K, PAGE_4K, 0);
        }

        tables.addressSpace().read(new VirtualAddress(KERNEL + 16), MemorySegment.ofArray(new byte[0xff00]));

        assertThat(machine.calls()).hasSize(5).last().isEqualTo("read 0x400010 65280");
    }

    @Test
    void aReadThatMeetsAnUnmappedPageNamesIt() {
        AddressSpace space =
                new PageTables(machine, ROOT, 4).map(KERNEL, 0x5000, PAGE_4K, 0).addressSpace();

        assertThatThrownBy(() -> space.read(new VirtualAddress(KERNEL), MemorySegment.ofArray(new byte[5000])))
                .isInstanceOf(UnreadableMemoryException.class)
                .hasMessageContaining("0xffffffff80001000");
    }

    @Test
    void aReadOfNothingReadsNothing() throws GuestException {
        new AddressSpace(machine, new PhysicalAddress(ROOT), 4)
                .read(new VirtualAddress(KERNEL), MemorySegment.ofArray(new byte[0]));

        assertThat(machine.calls()).isEmpty();
    }

    @Test
    void anAddressAtTheVeryEndWrapsToTheFirstPage() throws GuestException {
        machine.put(0x5fff, (byte) 5).put(0x6000, (byte) 6);
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .map(-PAGE_4K, 0x5000, PAGE_4K, 0)
                .map(0, 0x6000, PAGE_4K, 0)
                .addressSpace();

        byte[] read = new byte[2];
        space.read(new VirtualAddress(-1), MemorySegment.ofArray(read));

        assertThat(read).containsExactly(5, 6);
    }

    @Test
    void tablesAreReadOnceUntilForgotten() throws GuestException {
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .map(KERNEL, 0x5000, PAGE_4K, 0)
                .map(KERNEL + PAGE_4K, 0x9000, PAGE_4K, 0)
                .addressSpace();
        space.physical(new VirtualAddress(KERNEL));
        space.physical(new VirtualAddress(KERNEL + PAGE_4K));
        assertThat(machine.calls()).hasSize(4);

        new PageTables(machine, ROOT, 4).map(KERNEL, 0x7000, PAGE_4K, 0);
        assertThat(space.physical(new VirtualAddress(KERNEL))).isEqualTo(0x5000);
        space.forgetTranslations();
        assertThat(space.physical(new VirtualAddress(KERNEL))).isEqualTo(0x7000);
    }

    @Test
    void aPageMappedAfterItWasMissedIsFound() throws GuestException {
        PageTables tables = new PageTables(machine, ROOT, 4).map(KERNEL, 0x5000, PAGE_4K, 0);
        AddressSpace space = tables.addressSpace();
        VirtualAddress later = new VirtualAddress(KERNEL + PAGE_4K);
        assertThat(space.translate(later)).isEqualTo(new Translation.Unmapped(1));

        tables.map(later.value(), 0x6000, PAGE_4K, 0);

        assertThat(space.physical(later)).isEqualTo(0x6000);
    }

    @Test
    void aFailedReadOfATableLeavesNothingInTheCache() throws GuestException {
        AddressSpace space =
                new PageTables(machine, ROOT, 4).map(KERNEL, 0x5000, PAGE_4K, 0).addressSpace();
        FakeMachine failing = machine.failFrom(3, new GuestGoneException("gone"));
        assertThatThrownBy(() -> space.physical(new VirtualAddress(KERNEL))).isInstanceOf(GuestGoneException.class);

        failing.failFrom(Long.MAX_VALUE, null);

        assertThat(space.physical(new VirtualAddress(KERNEL))).isEqualTo(0x5000);
    }

    @Test
    void moreTablesThanTheCacheHoldsAreStillRight() throws GuestException {
        FakeMachine large = new FakeMachine().ram(0, 32 << 20);
        PageTables tables = new PageTables(large, ROOT, 4);
        int pages = 3 * AddressSpace.CACHED_TABLES;
        for (int i = 0; i < pages; i++) {
            tables.map(KERNEL + i * PAGE_2M, i * PAGE_4K, PAGE_4K, 0);
        }
        AddressSpace space = tables.addressSpace();

        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < pages; i++) {
                assertThat(space.physical(new VirtualAddress(KERNEL + i * PAGE_2M)))
                        .isEqualTo(i * PAGE_4K);
            }
        }
    }

    @Test
    void aGibibytePageIsCutToItsAlignment() throws GuestException {
        AddressSpace space = new PageTables(machine, ROOT, 4)
                .map(KERNEL, PAGE_1G | 0x1000, PAGE_1G, 0)
                .addressSpace();

        assertThat(space.physical(new VirtualAddress(KERNEL))).isEqualTo(PAGE_1G);
    }

    @Test
    void otherNumbersOfLevelsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new AddressSpace(machine, new PhysicalAddress(0), 3))
                .withMessageContaining("3");
    }
}
