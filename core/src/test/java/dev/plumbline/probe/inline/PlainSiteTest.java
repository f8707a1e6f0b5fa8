package dev.plumbline.probe.inline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Disassembler;
import dev.plumbline.x86.Register;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlainSiteTest {
    private static final long ADDRESS = 0xffff_ffff_8100_0123L;
    private static final long CHECK = 0xffff_ffff_81e0_4560L;

    private static int length(String hex, Register register, boolean isCall) {
        byte[] bytes = Arrays.copyOf(HexFormat.of().parseHex(hex), PlainSite.LONGEST_BYTES);
        return PlainSite.lengthBytes(bytes, register, isCall);
    }

    @ParameterizedTest
    @CsvSource({
        "ffd00f1f00, RAX, true, 5",
        "41ffd20f1f00, R10, true, 6",
        "41ffd36690, R11, true, 5",
        "ffe0cc6690, RAX, false, 5",
        "41ffe2cc6690, R10, false, 6",
        "41ffe2cc90c3, R10, false, 5",
    })
    void whatTheKernelMakesOfCallsOfThunksIsASite(String hex, Register register, boolean isCall, int lengthBytes) {
        assertThat(length(hex, register, isCall)).isEqualTo(lengthBytes);
    }

    @ParameterizedTest
    @CsvSource({
        "ffd0415c48, RAX, true", // compiled so: what follows is run
        "ffd00f1f4400, RAX, true", // a static key behind it
        "ffe00f1f00, RAX, false", // no int3: somebody may come this way
        "ffe0cccccc, RAX, false", // a thunk
        "ffd00f1f00, RCX, true", // another register
        "ffd00f1f00, RAX, false", // no jump
        "ff100f1f00, RAX, true", // through memory
        "e801000000, RAX, true",
        "ffd7909090, RDI, true", // NOPs one by one
        "ccd00f1f00, RAX, true", // a kprobe stands there
        "41ffd00f1f44, R8, true",
    })
    void whatIsNotExactlyThatStays(String hex, Register register, boolean isCall) {
        assertThat(length(hex, register, isCall)).isZero();
    }

    @Test
    void aSiteLeadsToItsCheckAndReturnsBehindItself() throws Exception {
        assertLeads("ffd00f1f00", Register.RAX, true, "call");
        assertLeads("41ffd20f1f00", Register.R10, true, "call");
        assertLeads("ffe0cc6690", Register.RAX, false, "jmp");
        assertLeads("41ffe2cc6690", Register.R10, false, "jmp");
    }

    private static void assertLeads(String hex, Register register, boolean isCall, String mnemonic) throws Exception {
        byte[] original = HexFormat.of().parseHex(hex);
        PlainSite site = new PlainSite(register, isCall, new Code(ADDRESS, new PhysicalAddress(0x123), original));
        byte[] now = site.leadingTo(CHECK);
        assertThat(now).hasSameSizeAs(original);
        List<Disassembler.Line> lines = new Disassembler().disassemble(now, ADDRESS);
        assertThat(lines).hasSize(1);
        assertThat(lines.getFirst().text()).contains(mnemonic + " 0xFFFFFFFF81E04560");
        assertThat(InlineSites.branchTarget(now, ADDRESS)).hasValue(CHECK);
        assertThat(InlineSites.branchTarget(original, ADDRESS)).isEmpty();
    }
}
