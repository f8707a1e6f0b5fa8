package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.Btf;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.StructLayout;
import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Offsets read from the kernel's type information in memory are those that bpftool prints for the guest's own copy.
interface TypesContract {
    /// Every member that any reader of the kernel's memory asks for.
    Map<String, List<String>> USED = Map.ofEntries(
            Map.entry("bpf_ksym", List.of("name", "lnode", "start")),
            Map.entry("dyn_ftrace", List.of("ip", "flags")),
            Map.entry("ftrace_ops", List.of("list", "trampoline")),
            Map.entry("ftrace_page", List.of("next", "records", "index")),
            Map.entry("kernel_symbol", List.of("value_offset", "name_offset")),
            Map.entry("kprobe", List.of("addr", "hlist")),
            Map.entry("kprobe_insn_cache", List.of("pages", "sym")),
            Map.entry("mod_kallsyms", List.of("symtab", "strtab", "typetab", "num_symtab")),
            Map.entry(
                    "module",
                    List.of(
                            "list",
                            "state",
                            "name",
                            "kallsyms",
                            "syms",
                            "num_syms",
                            "jump_entries",
                            "num_jump_entries",
                            "static_call_sites",
                            "num_static_call_sites")),
            Map.entry("signal_struct", List.of("thread_head")),
            Map.entry("task_struct", List.of("tasks", "thread_node", "pid", "tgid", "signal", "comm")));

    Map<GuestKernel, Map<String, List<String>>> USED_IN_ONE = Map.of(
            GuestKernel.V6_1,
            Map.of(
                    "module",
                    List.of("core_layout", "init_layout"),
                    "module_layout",
                    List.of("base", "size", "text_size")),
            GuestKernel.V6_12,
            Map.of("module", List.of("mem"), "module_memory", List.of("base", "size")));

    List<String> CONSTANTS = List.of("MODULE_STATE_UNFORMED", "MODULE_STATE_COMING", "SYSTEM_RUNNING");
    long SEED = 20260;
    int SAMPLE = 300;

    GuestUnderTest guest();

    GuestKernel kernel();

    @Test
    default void offsetsAreThoseOfBpftool() throws IOException {
        BpftoolTypes expected = BpftoolTypes.of(guest().says().btf());
        Btf types = guest().read(LinuxKernel::types);
        List<String> wrong = new ArrayList<>();
        USED.forEach((name, members) -> compare(name, members, expected, types, wrong));
        USED_IN_ONE.get(kernel()).forEach((name, members) -> compare(name, members, expected, types, wrong));
        List<String> names = new ArrayList<>(expected.structures().keySet());
        Collections.shuffle(names, new Random(SEED));
        for (String name : names.subList(0, SAMPLE)) {
            compare(name, List.copyOf(expected.structures().get(name).keySet()), expected, types, wrong);
        }
        assertThat(wrong).isEmpty();
        for (String constant : CONSTANTS) {
            assertThat(types.constant(constant)).isEqualTo(expected.constants().get(constant));
        }
    }

    private static void compare(
            String structure, List<String> members, BpftoolTypes expected, Btf types, List<String> wrong) {
        for (String member : members) {
            Long bits = expected.structures().getOrDefault(structure, Map.of()).get(member);
            try {
                StructLayout layout = types.struct(structure);
                if (bits == null || layout.offset(member) * 8 != bits) {
                    wrong.add(structure + "." + member + " is at bit " + bits + ", not " + layout.offset(member) * 8);
                }
            } catch (IOException e) {
                wrong.add(structure + "." + member + ": " + e.getMessage());
            }
        }
    }
}
