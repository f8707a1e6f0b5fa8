package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ModuleTreeReaderTest {
    private static final int RIGHT = 8;
    private static final int LEFT = 16;
    private static final long WILD = 0x1234_5678_9abc_0000L;

    private FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);

    private List<KernelModule> read() throws GuestException {
        return LinuxKernel.open(linux.machine()).unlistedModules();
    }

    @ParameterizedTest
    @EnumSource
    void modulesOfTheTreeThatAreNotListedAreTold(Order order) throws GuestException {
        linux = new FakeLinux(4, order);
        FakeModule listed = linux.module("listed");
        FakeModule hidden = linux.module("hidden");
        FakeModule other = linux.module("other");
        long top = listed.inTree(linux.modTree());
        listed.inTree(top + LEFT);
        long deeper = hidden.inTree(top + RIGHT);
        hidden.inTree(deeper + RIGHT);
        other.inTree(deeper + LEFT);
        listed.load();

        assertThat(read()).containsExactlyInAnyOrder(hidden.expected(), other.expected());
    }

    @Test
    void whatIsListedAndFormingIsNotHidden() throws GuestException {
        FakeModule forming = linux.module("forming").state(3);
        forming.inTree(linux.modTree());
        forming.load();

        assertThat(read()).isEmpty();
    }

    @Test
    void aKernelWithoutTheTreeHidesNone() throws GuestException {
        linux.module("hidden").inTree(linux.modTree());
        linux.withoutSymbol("mod_tree");

        assertThat(read()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {RIGHT, LEFT})
    void aTreeThatComesBackToItselfEnds(int side) {
        FakeModule module = linux.module("loop");
        long top = module.inTree(linux.modTree());
        long deeper = module.inTree(top + side);
        linux.putLong(deeper + side, top);

        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("a tree that does not end");
    }

    @ParameterizedTest
    @ValueSource(ints = {RIGHT, LEFT})
    void linksToNowhereAreRefused(int side) {
        linux.putLong(linux.module("loop").inTree(linux.modTree()) + side, WILD);

        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("0x12345678")
                .hasMessageNotContaining("\n");
    }

    @Test
    void aModuleThatIsNoneIsRefused() {
        FakeTypes types = linux.types();
        long node = linux.module("loop").inTree(linux.modTree()) - types.offset("mod_tree_node.node");
        linux.putLong(node + types.offset("mod_tree_node.mod"), WILD);

        assertThatThrownBy(this::read).isInstanceOf(KernelFormatException.class).hasMessageContaining("0x12345678");
    }
}
