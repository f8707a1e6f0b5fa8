package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.kernel.Btf;
import dev.plumbline.kernel.FunctionTypes;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.StructLayout.Member;
import dev.plumbline.kernel.UsedTypes;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
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
                .contains("btf_module", "btf", "static_call_key")
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
        kernel.staticCallFunctions();
        kernel.functionTypes().look();
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

    /// Functions have the same number if bpftool's dump gives them the same prototype, and only then; be they the
    /// kernel's or a module's.
    @Test
    default void functionsOfModulesAreOfTheTypesThatBpftoolHas() throws IOException {
        byte[] vmlinux = guest().says().btf();
        Map<String, byte[]> modules = guest().says().moduleBtf();
        assertThat(modules).containsKeys("8021q", "bridge", "nf_conntrack");
        FunctionTypes types = guest().read(TypesContract::functionTypes);
        Map<String, Set<Set<Integer>>> numbers = new HashMap<>();
        Map<Set<Integer>, Set<String>> prototypes = new HashMap<>();
        BpftoolTypes kernel = BpftoolTypes.of(vmlinux);
        Map<String, Set<String>> functions = new BpftoolFunctions(kernel).from(1);
        assertThat(functions).hasSizeGreaterThan(20_000);
        compare(functions, Optional.empty(), types, numbers, prototypes);
        for (String module : modules.keySet()) {
            BpftoolTypes both = kernel.with(vmlinux, modules.get(module));
            Map<String, Set<String>> own = new BpftoolFunctions(both).from(kernel.last() + 1);
            assertThat(own).as(module).isNotEmpty();
            compare(own, Optional.of(module), types, numbers, prototypes);
        }
        assertThat(numbers.entrySet().stream().filter(each -> each.getValue().size() > 1))
                .isEmpty();
        assertThat(prototypes.entrySet().stream().filter(each -> each.getValue().size() > 1))
                .isEmpty();
    }

    private static FunctionTypes functionTypes(LinuxKernel kernel) throws GuestException {
        FunctionTypes types = kernel.functionTypes();
        assertThat(types.look()).isEmpty();
        return types;
    }

    private static void compare(
            Map<String, Set<String>> functions,
            Optional<String> module,
            FunctionTypes types,
            Map<String, Set<Set<Integer>>> numbers,
            Map<Set<Integer>, Set<String>> prototypes) {
        functions.forEach((function, signatures) -> {
            Set<Integer> found = types.of(function, module);
            assertThat(found).as("types of %s %s", function, module).hasSameSizeAs(signatures);
            if (signatures.size() == 1) {
                String signature = signatures.iterator().next();
                numbers.computeIfAbsent(signature, _ -> new HashSet<>()).add(found);
                prototypes.computeIfAbsent(found, _ -> new HashSet<>()).add(signature);
            }
        });
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
