package dev.plumbline.kernel;

import dev.plumbline.kernel.BtfBuilder.Member;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The types of a [FakeLinux], and where their members lie. The offsets are made up, and differ from those of any
/// real kernel.
final class FakeTypes {
    private final BtfBuilder btf = new BtfBuilder();
    private final Map<String, Integer> offsets = new HashMap<>();
    private final Map<String, Integer> sizes = new HashMap<>();
    private final int u32;
    private final int u64;
    private final int pointer;
    private final int list;
    private final int name;

    /// @param regions whether `struct module` has `mem[]`, as since 6.4
    FakeTypes(boolean regions) {
        btf.function("start_kernel");
        u32 = btf.integer("unsigned int", 4);
        u64 = btf.integer("unsigned long", 8);
        pointer = btf.pointer(0);
        list = btf.struct("list_head", 16, Member.at(0, "next", pointer), Member.at(8, "prev", pointer));
        name = btf.array(btf.integer("char", 1), 16);
        btf.enumeration("system_states", 0, "SYSTEM_BOOTING", "SYSTEM_SCHEDULING", "SYSTEM_FREEING_INITMEM");
        btf.enumeration("system_states_2", 3, "SYSTEM_RUNNING", "SYSTEM_HALT");
        btf.enumeration("module_state", 0, "MODULE_STATE_LIVE", "MODULE_STATE_COMING");
        btf.enumeration("module_state_2", 2, "MODULE_STATE_GOING", "MODULE_STATE_UNFORMED");
        taskTypes();
        moduleTypes(regions);
        codeTypes();
        handlerTypes();
        treeTypes();
        sectionTypes();
    }

    private void taskTypes() {
        // As in the kernel, some members lie in a nameless structure and some behind bit fields.
        int pid = btf.qualified(btf.typedef("pid_t", btf.typedef("__kernel_pid_t", u32)));
        int inner = btf.struct("", 16, Member.at(0, "pid", pid), Member.at(4, "tgid", pid));
        offsets.put("task_struct.pid", 40 + 0);
        offsets.put("task_struct.tgid", 40 + 4);
        Fields task = new Fields().skip(8).add("stack_canary", u64, 8).add("flags", u32, 4);
        task.bits("sched_reset_on_fork", 1).bits("in_iowait", 1).skip(12);
        task.members.add(
                Member.at(40, "", btf.union("", 16, Member.at(0, "", inner), Member.at(0, "randomised", u64))));
        task.skip(24);
        task.add("comm", btf.typedef("comm_t", name), 16)
                .add("thread_node", list, 16)
                .add("tasks", list, 16);
        task.add("signal", pointer, 8).finish("task_struct");
        new Fields().skip(24).add("thread_head", list, 16).finish("signal_struct");
    }

    private void moduleTypes(boolean regions) {
        new Fields()
                .add("symtab", pointer, 8)
                .add("num_symtab", u32, 4)
                .skip(4)
                .add("strtab", pointer, 8)
                .add("typetab", pointer, 8)
                .finish("mod_kallsyms");
        new Fields()
                .add("value_offset", u32, 4)
                .add("name_offset", u32, 4)
                .skip(4)
                .finish("kernel_symbol");
        int memory = new Fields()
                .add("base", pointer, 8)
                .add("size", u32, 4)
                .skip(20)
                .finish("module_memory");
        int layout = new Fields()
                .add("base", pointer, 8)
                .add("size", u32, 4)
                .add("text_size", u32, 4)
                .finish("module_layout");
        Fields module =
                new Fields().add("state", u32, 4).skip(4).add("list", list, 16).add("name", name, 16);
        if (regions) {
            module.add("mem", btf.array(memory, 7), 7 * 32);
        } else {
            module.add("core_layout", layout, 16).add("init_layout", layout, 16);
        }
        module.add("kallsyms", pointer, 8)
                .add("syms", pointer, 8)
                .add("num_syms", u32, 4)
                .add("num_gpl_syms", u32, 4)
                .add("gpl_syms", pointer, 8)
                .add("jump_entries", pointer, 8)
                .add("num_jump_entries", u32, 4)
                .add("num_static_call_sites", u32, 4)
                .add("static_call_sites", pointer, 8)
                .finish("module");
    }

    private void codeTypes() {
        new Fields()
                .add("next", pointer, 8)
                .add("records", pointer, 8)
                .add("index", u32, 4)
                .skip(4)
                .finish("ftrace_page");
        new Fields().add("ip", u64, 8).add("flags", u64, 8).finish("dyn_ftrace");
        new Fields()
                .add("hlist", list, 16)
                .add("list", list, 16)
                .skip(8)
                .add("addr", pointer, 8)
                .add("post_handler", pointer, 8)
                .add("pre_handler", pointer, 8)
                .finish("kprobe");
        new Fields().add("func", pointer, 8).add("type", u64, 8).finish("static_call_key");
        new Fields()
                .add("start", u64, 8)
                .add("end", u64, 8)
                .add("name", btf.array(name, 4), 64)
                .add("lnode", list, 16)
                .finish("bpf_ksym");
        new Fields()
                .add("func", pointer, 8)
                .add("next", pointer, 8)
                .add("trampoline", u64, 8)
                .add("trampoline_size", u64, 8)
                .add("list", list, 16)
                .add("saved_func", pointer, 8)
                .add("func_hash", pointer, 8)
                .finish("ftrace_ops");
        new Fields().skip(32).add("sym", pointer, 8).add("pages", list, 16).finish("kprobe_insn_cache");
        new Fields().add("list", list, 16).add("insns", pointer, 8).finish("kprobe_insn_page");
    }

    private void handlerTypes() {
        int kprobe = btf.struct("kprobe_alike", sizes.get("kprobe"));
        new Fields()
                .add("entry_handler", pointer, 8)
                .add("kp", kprobe, sizes.get("kprobe"))
                .add("handler", pointer, 8)
                .finish("kretprobe");
        new Fields().skip(8).add("filter_hash", pointer, 8).finish("ftrace_ops_hash");
        new Fields()
                .add("size_bits", u64, 8)
                .add("buckets", pointer, 8)
                .add("count", u64, 8)
                .finish("ftrace_hash");
        new Fields().add("ip", u64, 8).add("hlist", list, 16).finish("ftrace_func_entry");
    }

    private void treeTypes() {
        int latch = new Fields().skip(8).add("tree", btf.array(pointer, 2), 16).finish("latch_tree_root");
        new Fields().add("root", latch, 24).add("addr_min", u64, 8).finish("mod_tree_root");
        new Fields().add("mod", pointer, 8).add("node", btf.array(u64, 6), 48).finish("mod_tree_node");
    }

    private void sectionTypes() {
        new Fields()
                .add("data", pointer, 8)
                .skip(8)
                .add("data_size", u32, 4)
                .add("id", u32, 4)
                .add("base_btf", pointer, 8)
                .add("start_id", u32, 4)
                .skip(4)
                .finish("btf");
        new Fields()
                .add("module", pointer, 8)
                .add("list", list, 16)
                .add("btf", pointer, 8)
                .finish("btf_module");
    }

    /// A section that goes on where these types end.
    BtfBuilder moduleTypes() {
        return new BtfBuilder(btf);
    }

    int count() {
        return btf.count();
    }

    /// The number of a type that many functions take.
    int pointer() {
        return pointer;
    }

    /// Where a member lies, in bytes.
    ///
    /// @param path structure and member with a dot between them
    int offset(String path) {
        return offsets.get(path);
    }

    int size(String structure) {
        return sizes.get(structure);
    }

    byte[] build() {
        return btf.build();
    }

    /// Members one behind the other.
    private final class Fields {
        private final List<Member> members = new ArrayList<>();
        private int end;
        private int bits;

        Fields add(String member, int type, int sizeBytes) {
            members.add(Member.at(end, member, type));
            return skip(sizeBytes);
        }

        Fields bits(String member, int width) {
            members.add(new Member(member, u32, end * 8 + bits, width));
            bits += width;
            return this;
        }

        Fields skip(int sizeBytes) {
            end += sizeBytes;
            return this;
        }

        int finish(String structure) {
            for (Member member : members) {
                offsets.putIfAbsent(structure + "." + member.name(), member.bitOffset() / 8);
            }
            sizes.put(structure, end);
            return btf.struct(structure, end, members.toArray(Member[]::new));
        }
    }
}
