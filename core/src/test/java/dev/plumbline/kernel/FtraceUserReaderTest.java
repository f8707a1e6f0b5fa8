package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class FtraceUserReaderTest {
    private static final long WILD = 0x1234_5678_9abc_0000L;

    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);
    private final FakeTypes types = linux.types();

    /// Becomes the first of the list.
    private long user(long function) {
        long list = linux.address("ftrace_ops_list");
        long ops = linux.heap(types.size("ftrace_ops"));
        linux.putLong(ops + types.offset("ftrace_ops.func"), function);
        linux.putLong(ops + types.offset("ftrace_ops.next"), linux.getLong(list));
        linux.putLong(list, ops);
        return ops;
    }

    private long filter(long ops, int bucketsLog2, long... sites) {
        long hash = linux.heap(types.size("ftrace_hash"));
        long buckets = linux.heap(8 << bucketsLog2);
        linux.putLong(hash + types.offset("ftrace_hash.size_bits"), bucketsLog2);
        linux.putLong(hash + types.offset("ftrace_hash.count"), sites.length);
        linux.putLong(hash + types.offset("ftrace_hash.buckets"), buckets);
        for (int i = 0; i < sites.length; i++) {
            long entry = linux.heap(types.size("ftrace_func_entry"));
            long bucket = buckets + 8L * (i % (1 << bucketsLog2));
            linux.putLong(entry + types.offset("ftrace_func_entry.ip"), sites[i]);
            linux.putLong(entry + types.offset("ftrace_func_entry.hlist"), linux.getLong(bucket));
            linux.putLong(bucket, entry + types.offset("ftrace_func_entry.hlist"));
        }
        long hashes = linux.heap(types.size("ftrace_ops_hash"));
        linux.putLong(hashes + types.offset("ftrace_ops_hash.filter_hash"), hash);
        linux.putLong(ops + types.offset("ftrace_ops.func_hash"), hashes);
        return hash;
    }

    private List<FtraceUser> read() throws GuestException {
        return LinuxKernel.open(linux.machine()).ftraceUsers();
    }

    @Test
    void usersAreListedWithWhatTheyCallAndWhere() throws GuestException {
        long everywhere = user(1);
        long some = user(2);
        filter(some, 1, 11, 12, 13);
        long unfiltered = user(3);
        filter(unfiltered, 4);

        assertThat(read())
                .containsExactly(
                        new FtraceUser(unfiltered, 3, List.of(), false),
                        new FtraceUser(some, 2, List.of(13L, 11L, 12L), false),
                        new FtraceUser(everywhere, 1, List.of(), false));
    }

    @Test
    void whatIsBehindAFilterOfTheKernelsOwnIsTold() throws GuestException {
        long ops = user(1);
        linux.putLong(ops + types.offset("ftrace_ops.saved_func"), 5);

        assertThat(read()).containsExactly(new FtraceUser(ops, 5, List.of(), false));
    }

    @Test
    void ofManySitesSomeAreTold() throws GuestException {
        long ops = user(1);
        filter(ops, 0, LongStream.rangeClosed(1, 17).toArray());

        FtraceUser only = read().getFirst();
        assertThat(only.sites()).hasSize(16).startsWith(17L, 16L);
        assertThat(only).isEqualTo(new FtraceUser(ops, 1, only.sites(), true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftrace_ops_list", "ftrace_list_end"})
    void aKernelWithoutFunctionTracerHasNone(String symbol) throws GuestException {
        user(1);
        linux.withoutSymbol(symbol);

        assertThat(read()).isEmpty();
    }

    @Test
    void aListThatBitesItsTailEnds() {
        long ops = user(1);
        linux.putLong(ops + types.offset("ftrace_ops.next"), ops);

        assertFails("without end");
    }

    @Test
    void aChainOfSitesThatBitesItsTailEnds() throws GuestException {
        long ops = user(1);
        long hash = filter(ops, 0, 11);
        long bucket = linux.getLong(hash + types.offset("ftrace_hash.buckets"));
        linux.putLong(linux.getLong(bucket), linux.getLong(bucket));

        assertThat(read().getFirst().sites()).hasSize(16).containsOnly(11L);
    }

    @ParameterizedTest
    @ValueSource(longs = {13, 63, 64, -1, Long.MAX_VALUE, Long.MIN_VALUE})
    void numbersOfBucketsWithoutMeasureAreRefused(long bucketsLog2) {
        long hash = filter(user(1), 1, 11);
        linux.putLong(hash + types.offset("ftrace_hash.size_bits"), bucketsLog2);

        assertFails("2^" + bucketsLog2 + " buckets");
    }

    @ParameterizedTest
    @ValueSource(strings = {"next", "func_hash"})
    void pointersToNowhereAreRefused(String member) {
        linux.putLong(user(1) + types.offset("ftrace_ops." + member), WILD);

        assertFails("0x12345678");
    }

    private void assertFails(String message) {
        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}
