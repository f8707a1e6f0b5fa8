package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class KprobeReaderTest {
    private static final long PLACE = FakeLinux.IMAGE + 0x700;
    private static final long WILD = 0x1234_5678_9abc_0000L;

    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);
    private final FakeTypes types = linux.types();

    private long probe(long probe, long before, long behind) {
        linux.putLong(probe + types.offset("kprobe.addr"), PLACE);
        linux.putLong(probe + types.offset("kprobe.pre_handler"), before);
        linux.putLong(probe + types.offset("kprobe.post_handler"), behind);
        return probe;
    }

    private long probe(long before, long behind) {
        return probe(linux.heap(types.size("kprobe")), before, behind);
    }

    private void register(int bucket, long probe) {
        long head = linux.address("kprobe_table") + 8L * bucket;
        linux.putLong(probe + types.offset("kprobe.hlist"), linux.getLong(head));
        linux.putLong(head, probe + types.offset("kprobe.hlist"));
    }

    private long aggregated(long... probes) {
        long all = probe(linux.address("aggr_pre_handler"), 0);
        linux.emptyList(all + types.offset("kprobe.list"));
        for (long probe : probes) {
            linux.append(all + types.offset("kprobe.list"), probe + types.offset("kprobe.list"));
        }
        return all;
    }

    private List<Kprobe> read() throws GuestException {
        return LinuxKernel.open(linux.machine()).kprobeHandlers();
    }

    @Test
    void aProbeCallsItsHandlers() throws GuestException {
        register(0, probe(1, 0));
        register(63, probe(2, 3));
        register(63, probe(0, 0));

        assertThat(read())
                .containsExactly(
                        new Kprobe(PLACE, List.of(1L)),
                        new Kprobe(PLACE, List.of()),
                        new Kprobe(PLACE, List.of(2L, 3L)));
    }

    @Test
    void severalAtOnePlaceAreTakenTogether() throws GuestException {
        register(5, aggregated(probe(1, 2), probe(2, 4)));

        assertThat(read()).containsExactly(new Kprobe(PLACE, List.of(1L, 2L, 4L)));
    }

    @Test
    void aProbeOfReturnsCallsWhatItIsFor() throws GuestException {
        long returns = linux.heap(types.size("kretprobe"));
        linux.putLong(returns + types.offset("kretprobe.handler"), 7);
        linux.putLong(returns + types.offset("kretprobe.entry_handler"), 8);
        long handler = linux.address("pre_handler_kretprobe");
        register(9, probe(returns + types.offset("kretprobe.kp"), handler, 0));

        assertThat(read()).containsExactly(new Kprobe(PLACE, List.of(handler, 7L, 8L)));
    }

    @Test
    void aKernelWithoutKprobesHasNone() throws GuestException {
        linux.withoutSymbol("kprobe_table");

        assertThat(read()).isEmpty();
    }

    @Test
    void aChainThatBitesItsTailEnds() {
        long probe = probe(1, 0);
        register(2, probe);
        linux.putLong(probe + types.offset("kprobe.hlist"), probe + types.offset("kprobe.hlist"));

        assertFails("without end");
    }

    @Test
    void probesOfOnePlaceThatDoNotComeBackEnd() {
        long first = probe(1, 0);
        long all = aggregated(first, probe(2, 0));
        long link = first + types.offset("kprobe.list");
        linux.putLong(link, link);
        register(2, all);

        assertFails("kprobes of one place");
    }

    @Test
    void pointersToNowhereAreRefused() {
        linux.putLong(linux.address("kprobe_table") + 16, WILD);
        assertFails("0x12345678");
    }

    private void assertFails(String message) {
        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}
