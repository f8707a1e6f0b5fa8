package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.kernel.Btf;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.StructLayout.Member;
import dev.plumbline.kernel.UsedTypes;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Offsets, sizes and numbers of elements read from the kernel's type information in memory are those that bpftool
/// prints for the guest's own copy.
interface TypesContract {
    List<String> CONSTANTS = List.of("MODULE_STATE_UNFORMED", "MODULE_STATE_COMING", "SYSTEM_RUNNING");
    long SEED = 20260;
    int SAMPLE = 300;

    GuestUnderTest guest();

    GuestKernel kernel();

    /// Every member that any reader of the kernel's memory asks for, by structure.
    @Test
    default void whateverIsAskedForIsAsBpftoolHasIt() throws IOException {
        BpftoolTypes expected = BpftoolTypes.of(guest().says().btf());
        Btf types = guest().read(TypesContract::afterReadingAll);
        Map<String, Map<String, Optional<Member>>> used = UsedTypes.of(types);
        List<String> wrong = new ArrayList<>();
        for (String name : used.keySet()) {
            used.get(name).forEach((path, found) -> {
                Optional<Member> listed = expected.member(name, path);
                if (!listed.equals(found)) {
                    wrong.add("%s.%s is %s, not %s".formatted(name, path, listed, found));
                }
            });
            compareSize(name, expected, types, wrong);
        }
        assertThat(wrong).isEmpty();
        assertThat(used.keySet())
                .contains("module", "task_struct", "dyn_ftrace", "kprobe_insn_page", "bpf_ksym")
                .contains(kernel() == GuestKernel.V6_1 ? "module_layout" : "module_memory");
        for (String constant : CONSTANTS) {
            assertThat(types.constant(constant)).isEqualTo(expected.constant(constant));
        }
    }

    private static Btf afterReadingAll(LinuxKernel kernel) throws GuestException {
        Snapshot.of(kernel);
        kernel.taskStacks();
        kernel.perCpuPlaces();
        kernel.ftraceUsers();
        kernel.kprobeHandlers();
        kernel.unlistedModules();
        kernel.staticKeyTargets();
        assertThat(new TaskStructs(kernel)).isNotNull();
        return kernel.types();
    }

    @Test
    default void anyStructureIsAsBpftoolHasIt() throws IOException {
        BpftoolTypes expected = BpftoolTypes.of(guest().says().btf());
        Btf types = guest().read(LinuxKernel::types);
        List<String> names = new ArrayList<>(expected.structures());
        Collections.shuffle(names, new Random(SEED));
        List<String> wrong = new ArrayList<>();
        for (String name : names.subList(0, SAMPLE)) {
            for (String member : expected.members(name)) {
                compare(name, member, expected, types, wrong);
            }
            compareSize(name, expected, types, wrong);
        }
        assertThat(wrong).as("seed %d", SEED).isEmpty();
    }

    private static void compare(String structure, String member, BpftoolTypes expected, Btf types, List<String> wrong) {
        Member listed = expected.member(structure, member).orElseThrow();
        try {
            Member found = types.struct(structure).member(member);
            if (!found.equals(listed)) {
                wrong.add("%s.%s is %s, not %s".formatted(structure, member, listed, found));
            }
        } catch (IOException e) {
            wrong.add(structure + "." + member + ": " + e.getMessage());
        }
    }

    private static void compareSize(String structure, BpftoolTypes expected, Btf types, List<String> wrong)
            throws GuestException {
        long found = types.struct(structure).sizeBytes();
        if (found != expected.sizeBytes(structure)) {
            wrong.add("%s has %d bytes, not %d".formatted(structure, expected.sizeBytes(structure), found));
        }
    }
}
