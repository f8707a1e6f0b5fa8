package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class FunctionTypesTest {
    private static final Optional<String> LOOP = Optional.of("loop");
    private static final Optional<String> DUMMY = Optional.of("dummy");

    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);
    private final FakeTypes types = linux.types();
    private final FakeModule loop = linux.module("loop");
    private final FakeModule dummy = linux.module("dummy");
    private long loopTypes;
    private RamMachine machine;

    @BeforeEach
    void load() {
        loop.load();
        dummy.load();
        linux.module("plain").load();
        loopTypes = loop.typed(7, section("loop_open", types.pointer()));
        dummy.typed(8, section("dummy_open", types.pointer()));
        machine = linux.machine();
    }

    private byte[] section(String function, int parameter) {
        BtfBuilder section = types.moduleTypes();
        section.function(function, section.prototype(parameter, parameter));
        return section.build();
    }

    private FunctionTypes read() throws GuestException {
        return LinuxKernel.open(machine).functionTypes();
    }

    @Test
    void functionsOfModulesAndOfTheKernelHaveTypes() throws GuestException {
        FunctionTypes read = read();

        assertThat(read.look()).isEmpty();
        assertThat(read.of("start_kernel", Optional.empty())).hasSize(1);
        Set<Integer> open = read.of("loop_open", LOOP);
        assertThat(open).hasSize(1).isEqualTo(read.of("dummy_open", DUMMY));
        assertThat(read.of("loop_open", DUMMY)).isEmpty();
        assertThat(read.of("loop_open", Optional.empty())).isEmpty();
        assertThat(read.of("start_kernel", LOOP)).isEmpty();
        assertThat(read.of("plain_open", Optional.of("plain"))).isEmpty();
    }

    @Test
    void aKernelThatKeepsNoneOfModulesHasItsOwn() throws GuestException {
        FakeLinux bare = new FakeLinux(4, Order.SINCE_6_4).withoutSymbol("btf_modules");
        bare.module("loop").load();
        FunctionTypes read = LinuxKernel.open(bare.machine()).functionTypes();

        assertThat(read.look()).isEmpty();
        assertThat(read.of("start_kernel", Optional.empty())).hasSize(1);
        assertThat(read.of("loop_open", LOOP)).isEmpty();
    }

    @Test
    void modulesComeAndGo() throws GuestException {
        FunctionTypes read = read();
        long list = linux.address("btf_modules");
        long second = get(get(list));
        put(get(list), list);
        put(list + 8, get(list));
        assertThat(read.look()).isEmpty();
        assertThat(read.of("loop_open", LOOP)).hasSize(1);
        assertThat(read.of("dummy_open", DUMMY)).isEmpty();

        put(get(list), second);
        put(list + 8, second);
        assertThat(read.look()).isEmpty();
        assertThat(read.of("dummy_open", DUMMY)).hasSize(1);
    }

    @Test
    void aModuleThatCameAgainIsReadAgain() throws GuestException {
        FunctionTypes read = read();
        read.look();
        long data = get(loopTypes + types.offset("btf.data"));
        byte[] other = section("loop_shut", types.pointer());
        System.arraycopy(other, 0, machine.ram(), (int) linux.physical(data), other.length);
        read.look();
        assertThat(read.of("loop_open", LOOP)).as("the same as before").hasSize(1);

        putInt(loopTypes + types.offset("btf.id"), 9);
        read.look();
        assertThat(read.of("loop_open", LOOP)).isEmpty();
        assertThat(read.of("loop_shut", LOOP)).hasSize(1);
    }

    /// 0x1000 is no kernel memory, and nothing of that size is credible.
    @ParameterizedTest
    @ValueSource(strings = {"data", "data_size", "start_id"})
    void aModuleWhoseTypesMakeNoSenseHasNoneAndOthersDo(String member) throws GuestException {
        putInt(loopTypes + types.offset("btf." + member), 0x7fff_1000);
        FunctionTypes read = read();

        assertThat(read.look())
                .singleElement()
                .asString()
                .contains("module loop")
                .doesNotContain("\n");
        assertThat(read.look()).as("said once").isEmpty();
        assertThat(read.of("loop_open", LOOP)).isEmpty();
        assertThat(read.of("dummy_open", DUMMY)).hasSize(1);
    }

    @Test
    void damagedTypesOfAModuleAreSaid() throws GuestException {
        put(get(loopTypes + types.offset("btf.data")), 0);

        assertThat(read().look()).singleElement().asString().contains("module loop", "magic");
    }

    @Test
    void whatNamesNoModuleIsPassedOver() throws GuestException {
        long first = get(linux.address("btf_modules")) - types.offset("btf_module.list");
        put(first + types.offset("btf_module.module"), 0x1234);
        put(first + types.offset("btf_module.btf"), 0x1234);
        FunctionTypes read = read();

        assertThat(read.look()).isEmpty();
        assertThat(read.of("loop_open", LOOP)).isEmpty();
        assertThat(read.of("dummy_open", DUMMY)).hasSize(1);
    }

    @Test
    void aListThatBitesItsTailEnds() throws GuestException {
        long first = get(linux.address("btf_modules"));
        put(first, first);
        FunctionTypes read = read();

        assertThat(failure(read)).contains("list of modules' types");
    }

    private static String failure(FunctionTypes types) {
        try {
            List<String> answer = types.look();
            return "no failure but " + answer;
        } catch (GuestException e) {
            return e.getMessage();
        }
    }

    private long get(long address) {
        return words().getLong((int) linux.physical(address));
    }

    private void put(long address, long value) {
        words().putLong((int) linux.physical(address), value);
    }

    private void putInt(long address, int value) {
        words().putInt((int) linux.physical(address), value);
    }

    private ByteBuffer words() {
        return ByteBuffer.wrap(machine.ram()).order(ByteOrder.LITTLE_ENDIAN);
    }
}
