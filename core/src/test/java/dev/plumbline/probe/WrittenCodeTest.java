package dev.plumbline.probe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.PhysicalAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WrittenCodeTest {
    private static final long SEED = 20_261_124;
    private static final int BYTES = 300;

    private final WrittenCode written = new WrittenCode();

    @Test
    void whatWasWrittenLastStands() {
        Random random = new Random(SEED);
        byte[] memory = new byte[BYTES];
        for (int write = 0; write < 2000; write++) {
            byte[] bytes = new byte[1 + random.nextInt(20)];
            random.nextBytes(bytes);
            int at = random.nextInt(BYTES - bytes.length);
            System.arraycopy(bytes, 0, memory, at, bytes.length);
            written.wroteCode(new PhysicalAddress(0x1000 + at), bytes);
            int from = random.nextInt(BYTES);
            byte[] piece = new byte[1 + random.nextInt(BYTES - from)];
            byte[] expected = new byte[piece.length];
            System.arraycopy(memory, from, expected, 0, piece.length);
            written.overlay(new PhysicalAddress(0x1000 + from), piece);
            // A byte that was never written is 0 in both.
            assertThat(piece).as("seed %d, write %d", SEED, write).isEqualTo(expected);
        }
    }

    @Test
    void handsOutWhatCameSince() {
        written.wroteCode(new PhysicalAddress(0x10), new byte[] {1, 2});
        long mark = written.mark();
        written.wroteCode(new PhysicalAddress(0x20), new byte[] {3});
        List<Long> addresses = new ArrayList<>();
        written.since(mark, (address, _) -> addresses.add(address.value()));
        assertThat(addresses).containsExactly(0x20L);
        written.since(0, (address, _) -> addresses.add(address.value()));
        assertThat(addresses).containsExactly(0x20L, 0x10L, 0x20L);
    }

    @Test
    void dataCountsOnlyInCode() {
        written.wroteCode(new PhysicalAddress(0x100), new byte[16]);
        written.wroteData(new PhysicalAddress(0x108), 8);
        written.wroteData(new PhysicalAddress(0x200), 8);
        assertThat(written.isData(new PhysicalAddress(0x107))).isFalse();
        assertThat(written.isData(new PhysicalAddress(0x108))).isTrue();
        assertThat(written.isData(new PhysicalAddress(0x10f))).isTrue();
        assertThat(written.isData(new PhysicalAddress(0x110))).isFalse();
        assertThat(written.isData(new PhysicalAddress(0x200))).isFalse();
    }

    @Test
    void knowsWhatIsItsOwn() {
        assertThat(written.isOwn(new PhysicalAddress(0))).isFalse();
        written.claim(new PhysicalAddress(0x3000), 0x1000);
        assertThat(written.isOwn(new PhysicalAddress(0x2fff))).isFalse();
        assertThat(written.isOwn(new PhysicalAddress(0x3000))).isTrue();
        assertThat(written.isOwn(new PhysicalAddress(0x4000))).isFalse();
    }
}
