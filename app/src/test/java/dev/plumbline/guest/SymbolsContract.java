package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.GuestSays.Symbol;
import dev.plumbline.kernel.KernelImage;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Symbols, modules and the place of the image are as the guest says.
interface SymbolsContract {
    long LINK_BASE = 0xffff_ffff_8100_0000L;

    /// Prints the kernel's ELF notes in hexadecimal.
    String NOTES = "hexdump -ve '1/1 \"%02x\"' /sys/kernel/notes";

    /// How the kernel's build id begins there: `GNU\0`.
    String BUILD_ID_NOTE = "474e5500";

    GuestUnderTest guest();

    @Test
    default void symbolsAreThoseOfKallsyms() throws GuestException {
        List<Symbol> expected = guest().says().symbols();
        List<Symbol> found = symbols(guest().read(LinuxKernel::symbols));
        assertThat(Differences.between(expected, found)).isEmpty();
        assertThat(expected)
                .extracting(Symbol::module)
                .as("what this guest was made to have")
                .contains("8021q", "bpf");
        assertThat(expected).extracting(Symbol::name).contains("ftrace_trampoline", "kprobe_insn_page");
    }

    @Test
    default void modulesAreThoseOfLsmod() throws GuestException {
        assertThat(guest().says().modules()).hasSizeGreaterThan(8);
        compareModules(guest());
    }

    static void compareModules(GuestUnderTest guest) throws GuestException {
        List<String> found = guest.read(LinuxKernel::modules).stream()
                .map(SymbolsContract::line)
                .toList();
        assertThat(found).isEqualTo(guest.says().modules());
    }

    @Test
    default void slideIsWhereTheGuestSaysItsTextIs() throws GuestException {
        KernelImage image = guest().read(LinuxKernel::image);
        long[] textAndEnd = guest().says().addresses("_text", "_end");
        assertThat(image.virtualBase()).isEqualTo(textAndEnd[0]);
        assertThat(image.endAddress()).isEqualTo(textAndEnd[1]);
        assertThat(image.kaslrSlide()).isEqualTo(textAndEnd[0] - LINK_BASE);
    }

    @Test
    default void identityIsWhatTheGuestSays() throws GuestException {
        var identity = guest().read(LinuxKernel::identity);
        assertThat(identity.banner()).isEqualTo(guest().says().text("cat /proc/version"));
        assertThat(identity.release()).isEqualTo(guest().says().text("uname -r"));
        assertThat(guest().says().text(NOTES)).contains(BUILD_ID_NOTE + identity.buildId());
    }

    static List<Symbol> symbols(SymbolTable table) {
        List<Symbol> symbols = new ArrayList<>(table.size());
        for (int symbol = 0; symbol < table.size(); symbol++) {
            symbols.add(new Symbol(table.address(symbol), table.type(symbol), table.name(symbol), table.owner(symbol)));
        }
        return symbols;
    }

    private static String line(KernelModule module) {
        return "%s %d 0x%x".formatted(module.name(), module.sizeBytes(), module.base());
    }
}
