package dev.plumbline.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The emulator does what the processor of this machine does.
@Timeout(120)
class InstructionEmulatorTest {
    private static final long SEED = 20261126;
    private static final int TRIALS_PER_FORM = 100;
    private static final int RANDOM_BYTES = 100_000;

    @TempDir
    private static Path directory;

    private static RealProcessor processor;

    private final RandomTrials trials = new RandomTrials(new Random(SEED));
    private final byte[] page = trials.page();

    @BeforeAll
    static void compile() throws Exception {
        processor = new RealProcessor(directory);
    }

    @Test
    void instructionsOfEveryFormLeaveWhatTheProcessorLeaves() throws Exception {
        List<Trial> all = new ArrayList<>();
        for (InstructionForm form : InstructionForm.all()) {
            List<Trial> some = new ArrayList<>();
            for (int i = 0; i < TRIALS_PER_FORM; i++) {
                some.add(trials.of(form));
            }
            assertThat(some.stream().filter(trial -> trial.emulated(page).executed()))
                    .as(form.toString())
                    .hasSizeGreaterThan(TRIALS_PER_FORM / 2);
            all.addAll(some);
        }
        assertThat(differences(all)).isEmpty();
    }

    @Test
    void randomBytesThatAreEmulatedLeaveWhatTheProcessorLeaves() throws Exception {
        List<Trial> emulated = new ArrayList<>();
        for (int i = 0; i < RANDOM_BYTES / 5; i++) {
            Trial trial = trials.ofBytes();
            if (trial.isEmulated(page)) {
                emulated.add(trial);
            }
        }
        assertThat(emulated).hasSizeGreaterThan(RANDOM_BYTES / 20);
        assertThat(emulated.stream().filter(trial -> trial.emulated(page).executed()))
                .hasSizeGreaterThan(RANDOM_BYTES / 30);
        assertThat(differences(emulated)).isEmpty();
    }

    @Test
    void whatIsNotRunLeavesEverythingAsItWas() {
        Random lengths = new Random(SEED);
        for (int i = 0; i < RANDOM_BYTES; i++) {
            Trial trial = trials.ofBytes();
            byte[] code = Arrays.copyOf(trial.code(), lengths.nextInt(20));
            VcpuState state = trial.before().copy();
            DataPage memory = new DataPage(page);
            boolean isRun = false;
            try {
                isRun = InstructionEmulator.run(code, state, memory);
            } catch (GuestException _) {
                // the same holds
            }
            if (!isRun && !(state.equals(trial.before()) && memory.changed().isEmpty())) {
                throw new AssertionError(HexFormat.of().formatHex(code) + " was not run and has changed something");
            }
        }
    }

    @Test
    void anInstructionThatIsCutOffIsNotRun() throws Exception {
        for (InstructionForm form : InstructionForm.all()) {
            Trial trial = trials.of(form);
            int whole = 1;
            while (!new Trial(Arrays.copyOf(trial.code(), whole), trial.before()).isEmulated(page)) {
                whole++;
            }
            byte[] code = Arrays.copyOf(trial.code(), whole);
            VcpuState after = new Trial(code, trial.before()).emulated(page).after();
            assertThat(after).as(form.toString()).isEqualTo(trial.emulated(page).after());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "f0830001", // lock add
                "64488b00", // mov rax, fs:[rax]
                "66e800000000", // call, 16 bits wide on AMD's processors
                "66c3",
                "f2c3",
                "4166b8000000000000", // a REX prefix that is void
                "2e658b00", // cs gs
                "4190", // xchg r8, rax
                "f30f1ec8", // rdsspd eax
                "8dc0", // lea of a register
                "ff18", // far call
                "ff28", // far jump
                "fed0", // call of a byte
                "f6c800", // test, as it is not in the manual
                "c6f800", // xabort
                "cc",
                "0f0b",
                "0fa2", // cpuid
                "66666666666666666666666666666690",
                "c4e279dcc0", // vaesenc
            })
    void otherInstructionsAreNotRun(String code) throws Exception {
        assertThat(isRun(code, state())).isFalse();
    }

    @Test
    void nothingGoesWhereNoAddressIs() throws Exception {
        VcpuState state = state();
        state.general[0] = 1L << 47;
        assertThat(isRun("ffe0", state)).isFalse();
        assertThat(isRun("ffd0", state)).isFalse();
        assertThat(words).isEmpty();
        assertThat(isRun("50", state)).isTrue();
        assertThat(isRun("c3", state)).isFalse();
        state.general[0] = -1L << 47;
        assertThat(isRun("ffe0", state)).isTrue();
    }

    @Test
    void aVcpuThatStepsOrChecksAlignmentIsLeftAlone() throws Exception {
        VcpuState stepping = state();
        stepping.rflags |= 1 << 8;
        assertThat(isRun("90", stepping)).isFalse();
        VcpuState user = new VcpuState(new long[16], 0, 1 << 18, 0, 3);
        assertThat(isRun("90", user)).isFalse();
        VcpuState kernel = new VcpuState(new long[16], 0, 1 << 18, 0, 0);
        assertThat(isRun("90", kernel)).isTrue();
    }

    @Test
    void aStackPointerThatIsNoAddressIsLeftToTheProcessor() throws Exception {
        VcpuState state = state();
        state.general[VcpuState.RSP] = 1L << 47;
        assertThat(isRun("488b0404", state)).isFalse(); // mov rax, [rsp+rax]
        state.general[VcpuState.RSP] = -1L << 47;
        assertThat(isRun("488b0404", state)).isTrue();
    }

    @Test
    void theResumeFlagIsUsedUp() throws Exception {
        VcpuState state = state();
        state.rflags = 0x1_0202;
        assertThat(isRun("90", state)).isTrue();
        assertThat(state.rflags).isEqualTo(0x202);
    }

    // Its memory is kept from one instruction to the next.
    private final Map<Long, Long> words = new HashMap<>();

    private boolean isRun(String code, VcpuState state) throws GuestException {
        return InstructionEmulator.run(HexFormat.of().parseHex(code), state, new DataMemory() {
            @Override
            public long read(long address, int bytes) {
                return words.getOrDefault(address, 0L);
            }

            @Override
            public void write(long address, int bytes, long value) {
                words.put(address, value);
            }
        });
    }

    private static VcpuState state() {
        return new VcpuState(new long[16], 0xffffffff81000000L, 0x202, 0, 0);
    }

    private List<String> differences(List<Trial> trials) throws Exception {
        List<Trial.Outcome> real = processor.outcomes(trials, page);
        List<String> differences = new ArrayList<>();
        for (int i = 0; i < real.size() && differences.size() < 10; i++) {
            Trial.Outcome ours = trials.get(i).emulated(page);
            if (!ours.equals(real.get(i))) {
                differences.add("\n" + trials.get(i) + "\n  emulated  " + ours + "\n  processor " + real.get(i));
            }
        }
        return differences;
    }
}
