package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Each attack module takes effect when it is loaded, and leaves the kernel as it was when it is unloaded, while the
/// guest is traced.
@Tag("guest")
@Timeout(300)
class AttackModulesGuestTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource
    void eachTakesEffectAndGoesAgain(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(2)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            TestModules modules = AttackModule.built(guest.guest(), version);
            AttackModule.FTRACE_HOOK.load(modules);
            AttackModule.FTRACE_HOOK.unload(modules);
            // The kernel switches static keys when some of it is used for the first time.
            for (AttackModule attack : AttackModule.values()) {
                guest.guest().execChecked(attack.trigger());
            }
            KernelText before = KernelText.of(guest);
            String log = guest.console();
            Set<String> functions = guest.read(AttackModulesGuestTest::functions);
            try (TraceProcess trace = TraceProcess.start(guest, directory, "getppid", "nobody")) {
                for (AttackModule attack : AttackModule.values()) {
                    assertThat(attack.hooked()).as("what %s hooks", attack).containsAnyElementsOf(functions);
                    attack(attack, guest.guest(), modules);
                }
                trace.end();
            }
            before.assertBack(guest);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private static void attack(AttackModule attack, TestGuest guest, TestModules modules) throws IOException {
        String normal = guest.execChecked(attack.trigger());
        assertThat(normal).contains(attack.withoutIt());
        attack.load(modules);
        String hooked = guest.execChecked(attack.trigger());
        if (!attack.withoutIt().isEmpty()) {
            assertThat(hooked).as("what is seen of %s", attack).doesNotContain(attack.withoutIt());
        }
        assertThat(attack.hits(guest)).as("hits of %s", attack).isPositive();
        assertThat(guest.execChecked("lsmod").contains(attack.module())).isNotEqualTo(attack.isHidden());
        attack.unload(modules);
        assertThat(guest.execChecked(attack.trigger())).contains(attack.withoutIt());
    }

    private static Set<String> functions(LinuxKernel kernel) {
        SymbolTable symbols = kernel.coreSymbols();
        return IntStream.range(0, symbols.size())
                .filter(symbols::isText)
                .mapToObj(symbols::name)
                .collect(Collectors.toSet());
    }
}
