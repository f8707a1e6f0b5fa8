package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class KallsymsTest {
    private static final long BASE = 0xffff_ffff_8100_0000L;
    private static final KernelImage IMAGE = new KernelImage(BASE, BASE + (64 << 20), 0x100_0000);
    private static final long SEED = 64;

    private final KallsymsBuilder builder = new KallsymsBuilder();

    @ParameterizedTest
    @EnumSource(Order.class)
    void tablesAreFoundAtAnyPlaceAmongOtherData(Order order) throws GuestException {
        filled(1500).order(order).add(BASE + (60 << 20), 'D', "long_".repeat(40));
        byte[] tables = builder.build(BASE);
        Random random = new Random(SEED);
        for (int i = 0; i < 64; i++) {
            byte[] rodata = new byte[8 * random.nextInt(1000) + tables.length + random.nextInt(1000)];
            random.nextBytes(rodata);
            int at = random.nextInt((rodata.length - tables.length) / 8 + 1) * 8;
            System.arraycopy(tables, 0, rodata, at, tables.length);

            assertThat(expand(rodata))
                    .as("seed %d, round %d", SEED, i)
                    .hasValueSatisfying(symbols ->
                            assertThat(LinuxKernelTest.listed(symbols)).isEqualTo(builder.symbols()));
        }
    }

    @ParameterizedTest
    @EnumSource(Order.class)
    void aMarkerThatIsWrongMeansTheyAreNone(Order order) throws GuestException {
        filled(1500).order(order);
        byte[] tables = builder.build(BASE);
        int names = indexOf(tables, new Bytes().u64(1500).array()) + 8;
        tables[names + 300]++;

        assertThat(expand(tables)).isEmpty();
    }

    @Test
    void aRelativeBaseOutsideTheImageMeansTheyAreNone() throws GuestException {
        assertThat(expand(filled(1500).build(BASE - 8))).isEmpty();
    }

    @Test
    void tablesCutAnywhereAreNone() throws GuestException {
        byte[] tables = filled(1100).build(BASE);
        int end = indexOf(tables, new Bytes().u64(BASE).array()) + 8;
        for (int length = 0; length < end; length += 97) {
            assertThat(expand(Arrays.copyOf(tables, length))).isEmpty();
        }
        assertThat(expand(Arrays.copyOf(tables, end))).isPresent();
    }

    @Test
    void aNameLongerThanAnyIsRefused() {
        filled(1100).add(BASE + 4096, 't', "n".repeat(2000));

        assertThatThrownBy(() -> expand(builder.build(BASE)))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("longer than 1024 characters");
    }

    @Test
    void memoryFullOfDigitsIsGivenUp() {
        Bytes digits = new Bytes();
        while (digits.size() < 48 << 20) {
            for (int digit = '0'; digit <= '9'; digit++) {
                digits.u8(digit).u8(0);
            }
        }
        assertThatThrownBy(() -> expand(digits.array()))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("resembles kallsyms");
    }

    @Test
    void memoryFullOfCountsIsGivenUp() {
        byte[] tables = filled(1100).order(Order.BEFORE_6_4).build(BASE);
        byte[] end = Arrays.copyOfRange(tables, tables.length - 4096, tables.length);
        Bytes rodata = new Bytes();
        while (rodata.size() < 32 << 20) {
            rodata.u64(500_000);
        }
        byte[] all = rodata.raw(end).array();

        assertThatThrownBy(() -> expand(all))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("resembles kallsyms");
    }

    private KallsymsBuilder filled(int count) {
        for (int i = builder.symbols().size(); i < count; i++) {
            builder.add(i < 10 ? i : BASE + 16L * i, i < 10 ? 'A' : 't', "filler_" + i);
        }
        return builder;
    }

    private static Optional<SymbolTable> expand(byte[] rodata) throws GuestException {
        Optional<Kallsyms> kallsyms = new KallsymsFinder(new Block("rodata", BASE, rodata), IMAGE).find();
        if (kallsyms.isEmpty()) {
            return Optional.empty();
        }
        SymbolTableBuilder symbols = new SymbolTableBuilder(16);
        kallsyms.get().addTo(symbols);
        return Optional.of(symbols.build());
    }

    private static int indexOf(byte[] bytes, byte[] wanted) {
        for (int at = 0; at + wanted.length <= bytes.length; at += 8) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return at;
            }
        }
        throw new AssertionError("not there");
    }
}
