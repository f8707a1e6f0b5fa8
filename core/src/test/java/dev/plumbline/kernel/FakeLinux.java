package dev.plumbline.kernel;

import static dev.plumbline.machine.PageTables.NO_EXECUTE;
import static dev.plumbline.machine.PageTables.PAGE_2M;
import static dev.plumbline.machine.PageTables.PAGE_4K;
import static dev.plumbline.machine.PageTables.WRITABLE;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.FakeMachine;
import dev.plumbline.machine.PageTables;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A Linux guest of 2 MiB with everything in it that [LinuxKernel] reads, and nothing else: no instruction in it would
/// run. The methods that change it come before [#machine()]; what is put into it is what the readers must find.
///
/// ```
/// physical  0x10000 a process's page tables, and behind them those it has in user mode with isolation
///           0x20000 page tables below    0x60000 interrupt descriptor table
///           0x100000 the image: text, from +0x10000 read-only data, from +0x40000 data
///           0x180000 memory the kernel has allocated    0x1c0000 module memory
/// ```
public final class FakeLinux {
    public static final long IMAGE = 0xffff_ffff_9a00_0000L;
    static final long TEXT_BYTES = 0x4000;
    static final long RODATA = IMAGE + 0x1_0000;
    static final long DATA = IMAGE + 0x4_0000;
    static final long IMAGE_END = IMAGE + 0x8_0000;
    public static final long MODULES = 0xffff_ffff_c020_0000L;
    static final int RAM_BYTES = 0x20_0000;
    static final long HANDLER = IMAGE + 0x1000;
    static final String BANNER = "Linux version 6.99.0-fake (maker@host) (gcc) #1 SMP\n";
    static final String BUILD_ID = "00112233445566778899aabbccddeeff01234567";

    private static final long PHYSICAL_IMAGE = 0x10_0000;
    private static final long PHYSICAL_HEAP = 0x18_0000;
    private static final long PHYSICAL_MODULES = 0x1c_0000;
    private static final long PROCESS_TABLES = 0x1_0000;
    private static final long IDT = 0x6_0000;
    private static final long IDT_ADDRESS = 0xffff_fe00_0000_0000L;
    private static final int FILLERS = 1100;

    private final FakeMachine machine = new FakeMachine().ram(0, RAM_BYTES);
    private final KallsymsBuilder kallsyms = new KallsymsBuilder();
    private final Map<String, Long> addresses = new LinkedHashMap<>();
    private final FakeTypes types;
    private final boolean regions;
    private final int levels;
    private final long directMap;
    private long nextRodata = RODATA;
    private long nextData = DATA;
    private long nextHeap;
    private long nextModule = MODULES;
    private boolean inUserMode;
    private int systemState = 3;
    private boolean hasKallsyms = true;
    private long handler = HANDLER;

    /// @param levels of the page tables, 4 or 5
    /// @param order of kallsyms; with [Order#SINCE_6_4] `struct module` has regions, too
    public FakeLinux(int levels, Order order) {
        this.levels = levels;
        this.regions = order == Order.SINCE_6_4;
        types = new FakeTypes(regions);
        kallsyms.order(order);
        directMap = levels == 4 ? 0xffff_8880_0000_0000L : 0xff11_0000_0000_0000L;
        nextHeap = directMap + PHYSICAL_HEAP;
        symbol("fixed_percpu_data", 'A', 0);
        symbol("current_task", 'A', 0x1_5800);
        text();
        data();
    }

    private void text() {
        symbol("_text", 'T', IMAGE);
        symbol("_stext", 'T', IMAGE);
        symbol("__x64_sys_read", 'T', IMAGE + 0x100);
        symbol("__x64_sys_write", 'T', IMAGE + 0x200);
        symbol("ksys_alias", 't', IMAGE + 0x300);
        symbol("__x64_sys_ni_syscall", 'W', IMAGE + 0x300);
        symbol("asm_exc_page_fault", 'T', HANDLER);
        symbol("aggr_pre_handler", 't', IMAGE + 0x1400);
        symbol("pre_handler_kretprobe", 't', IMAGE + 0x1500);
        for (int i = 0; i < FILLERS; i++) {
            symbol("filler_" + i, 't', IMAGE + 0x2000 + 4 * i);
        }
        symbol("x".repeat(300), 't', IMAGE + 0x3f00);
        symbol("_etext", 'T', IMAGE + TEXT_BYTES);
        for (int i = 0; i < TEXT_BYTES; i += 8) {
            putLong(IMAGE + i, 0x9090_9090_0000_0000L + i);
        }
    }

    private void data() {
        symbol("linux_banner", 'D', rodata(new Bytes().text(BANNER).array()));
        byte[] id = HexFormat.of().parseHex(BUILD_ID);
        Bytes notes =
                new Bytes().u32(6).u32(4).u32(0x101).text("Linux").align(4).u32(0);
        table("notes", rodata(notes.u32(4).u32(20).u32(3).text("GNU").raw(id).array()), notes.size());
        byte[] btf = types.build();
        table("BTF", rodata(btf), btf.length);
        long calls = rodata(new Bytes()
                .u64(IMAGE + 0x100)
                .u64(IMAGE + 0x200)
                .u64(IMAGE + 0x300)
                .u64(0x1234)
                .u64(IMAGE + 0x200)
                .array());
        symbol("sys_call_table", 'D', calls);
        symbol("behind_sys_call_table", 'D', calls + 40);
        long tables = data(PAGE_4K);
        symbol("init_top_pgt", 'D', tables);
        symbol("system_state", 'D', data(8));
        symbol("page_offset_base", 'D', data(8));
        symbol("init_task", 'D', data(types.size("task_struct")));
        for (String list : List.of("modules", "btf_modules", "bpf_kallsyms", "ftrace_ops_trampoline_list")) {
            symbol(list, 'd', data(16));
            emptyList(address(list));
        }
        symbol("ftrace_pages_start", 'd', data(8));
        symbol("ftrace_list_end", 'd', data(types.size("ftrace_ops")));
        symbol("ftrace_ops_list", 'd', data(8));
        putLong(address("ftrace_ops_list"), address("ftrace_list_end"));
        symbol("mod_tree", 'd', data(types.size("mod_tree_root")));
        symbol("nr_cpu_ids", 'D', data(8));
        symbol("__per_cpu_offset", 'D', data(64 * 8));
        symbol("__cpu_online_mask", 'D', data(8));
        symbol("__cpu_possible_mask", 'D', data(8));
        symbol("kprobe_table", 'd', data(64 * 8));
        symbol("kprobe_insn_slots", 'd', data(types.size("kprobe_insn_cache")));
        emptyList(address("kprobe_insn_slots") + types.offset("kprobe_insn_cache.pages"));
        emptyList(address("init_task") + types.offset("task_struct.tasks"));
        set("init_task", "task_struct.stack_canary", 0x1122_3344_5566_7700L);
        putLong(address("page_offset_base"), directMap);
    }

    /// Without any symbols of its own, as another system.
    FakeLinux withoutKallsyms() {
        hasKallsyms = false;
        return this;
    }

    /// Without this one symbol.
    FakeLinux withoutSymbol(String name) {
        kallsyms.symbols().removeIf(symbol -> symbol.name().equals(name));
        return this;
    }

    /// The page-fault handler lies here.
    FakeLinux handler(long address) {
        handler = address;
        return this;
    }

    /// The vCPU is in user mode, with page-table isolation.
    FakeLinux inUserMode() {
        inUserMode = true;
        return this;
    }

    FakeLinux systemState(int state) {
        systemState = state;
        return this;
    }

    FakeLinux absolutePerCpu(boolean on) {
        kallsyms.absolutePerCpu(on);
        return this;
    }

    /// Adds a process with one task.
    ///
    /// @return address of its `struct task_struct`
    long process(int pid, String comm) {
        long signal = heap(types.size("signal_struct"));
        emptyList(signal + types.offset("signal_struct.thread_head"));
        long task = task(pid, pid, comm, signal);
        append(address("init_task") + types.offset("task_struct.tasks"), task + types.offset("task_struct.tasks"));
        return task;
    }

    /// Adds a thread to the process that `leader` leads.
    long thread(long leader, int tid, String comm) {
        long tgid = getLong(leader + types.offset("task_struct.tgid")) & 0xffff_ffffL;
        return task(tid, (int) tgid, comm, getLong(leader + types.offset("task_struct.signal")));
    }

    private long task(int pid, int tgid, String comm, long signal) {
        long task = heap(types.size("task_struct"));
        putInt(task + types.offset("task_struct.pid"), pid);
        putInt(task + types.offset("task_struct.tgid"), tgid);
        put(task + types.offset("task_struct.comm"), new Bytes().text(comm).array());
        putLong(task + types.offset("task_struct.signal"), signal);
        append(signal + types.offset("signal_struct.thread_head"), task + types.offset("task_struct.thread_node"));
        return task;
    }

    /// Takes an entry out of its list as `list_del_rcu` does: its way on stays.
    void remove(long entry) {
        putLong(getLong(entry + 8), getLong(entry));
        putLong(getLong(entry) + 8, getLong(entry + 8));
        putLong(entry + 8, 0xdead_0000_0000_0122L);
    }

    /// Adds ftrace records as one page of them; pages are chained in the order they are added.
    public FakeLinux ftracePage(FtraceRecord... records) {
        Bytes bytes = new Bytes();
        for (FtraceRecord record : records) {
            bytes.u64(record.address()).u64(record.flags());
        }
        long page = heap(types.size("ftrace_page"));
        putLong(page + types.offset("ftrace_page.records"), put(heap(Math.max(8, bytes.size())), bytes.array()));
        putInt(page + types.offset("ftrace_page.index"), records.length);
        long last = address("ftrace_pages_start");
        while (getLong(last) != 0) {
            last = getLong(last) + types.offset("ftrace_page.next");
        }
        putLong(last, page);
        return this;
    }

    FakeLinux cpus(long... bases) {
        putInt(address("nr_cpu_ids"), bases.length);
        for (int cpu = 0; cpu < bases.length; cpu++) {
            putLong(address("__per_cpu_offset") + 8L * cpu, bases[cpu]);
        }
        putLong(address("__cpu_online_mask"), (1L << bases.length - 1) - 1);
        putLong(address("__cpu_possible_mask"), (1L << bases.length) - 1);
        return this;
    }

    /// Adds a registered kprobe.
    public FakeLinux kprobe(int bucket, long address) {
        long probe = heap(types.size("kprobe"));
        long head = address("kprobe_table") + 8L * bucket;
        putLong(probe + types.offset("kprobe.hlist"), getLong(head));
        putLong(probe + types.offset("kprobe.addr"), address);
        putLong(head, probe + types.offset("kprobe.hlist"));
        return this;
    }

    FakeLinux bpfProgram(String name, long start, long sizeBytes) {
        long symbol = heap(types.size("bpf_ksym"));
        putLong(symbol + types.offset("bpf_ksym.start"), start);
        putLong(symbol + types.offset("bpf_ksym.end"), start + sizeBytes);
        put(symbol + types.offset("bpf_ksym.name"), new Bytes().text(name).array());
        append(address("bpf_kallsyms"), symbol + types.offset("bpf_ksym.lnode"));
        return this;
    }

    public FakeLinux trampoline(long address, long sizeBytes) {
        long ops = heap(types.size("ftrace_ops"));
        putLong(ops + types.offset("ftrace_ops.trampoline"), address);
        putLong(ops + types.offset("ftrace_ops.trampoline_size"), sizeBytes);
        append(address("ftrace_ops_trampoline_list"), ops + types.offset("ftrace_ops.list"));
        return this;
    }

    public FakeLinux kprobePage(long address) {
        long cache = address("kprobe_insn_slots");
        long page = heap(types.size("kprobe_insn_page"));
        putLong(
                cache + types.offset("kprobe_insn_cache.sym"),
                rodata(new Bytes().text("kprobe_insn_page").array()));
        putLong(page + types.offset("kprobe_insn_page.insns"), address);
        append(cache + types.offset("kprobe_insn_cache.pages"), page + types.offset("kprobe_insn_page.list"));
        return this;
    }

    /// The kernel's own jump labels, once.
    public FakeLinux staticKeys(long... sites) {
        return patchTable("_jump_table", 16, sites);
    }

    /// The kernel's own static calls, once.
    public FakeLinux staticCalls(long... sites) {
        return patchTable("static_call_sites", 8, sites);
    }

    /// Tells where the jumps of the kernel's own jump labels lead.
    public FakeLinux staticKeyTargets(long... targets) {
        return patchSeconds("__start___jump_table", 16, targets);
    }

    /// Gives each of the kernel's own static calls its key.
    public FakeLinux staticCallKeys(long... keys) {
        return patchSeconds("__start_static_call_sites", 8, keys);
    }

    private FakeLinux patchSeconds(String table, int entryBytes, long... places) {
        for (int i = 0; i < places.length; i++) {
            long at = address(table) + (long) entryBytes * i + 4;
            putInt(at, (int) (places[i] - at));
        }
        return this;
    }

    private FakeLinux patchTable(String name, int entryBytes, long... sites) {
        long start = rodata(new byte[entryBytes * sites.length]);
        putRelative(start, entryBytes, sites);
        String suffix = name.startsWith("_") ? "__" + name : "_" + name;
        symbol("__start" + suffix, 'D', start);
        symbol("__stop" + suffix, 'D', start + (long) entryBytes * sites.length);
        return this;
    }

    void putRelative(long start, int entryBytes, long... sites) {
        for (int i = 0; i < sites.length; i++) {
            long at = start + (long) entryBytes * i;
            putInt(at, (int) (sites[i] - at));
        }
    }

    /// A static call's key; its function is what it leads to.
    public long staticCallKey(long function) {
        long key = data(types.size("static_call_key"));
        putLong(key + types.offset("static_call_key.func"), function);
        return key;
    }

    /// What holds the link to the root of the tree by which modules are found by address.
    long modTree() {
        return address("mod_tree") + types.offset("mod_tree_root.root") + types.offset("latch_tree_root.tree");
    }

    /// Starts to add a module with two pages of code.
    public FakeModule module(String name) {
        long base = nextModule;
        nextModule += 4 * PAGE_4K;
        return new FakeModule(this, name, base, regions);
    }

    /// Adds a symbol of the kernel itself.
    public FakeLinux symbol(String name, char type, long address) {
        addresses.put(name, address);
        kallsyms.add(address, type, name);
        return this;
    }

    /// The address of a symbol of the kernel itself.
    public long address(String symbol) {
        return addresses.get(symbol);
    }

    /// The kernel's own symbols, in its order.
    List<KallsymsBuilder.Symbol> coreSymbols() {
        return kallsyms.symbols();
    }

    FakeTypes types() {
        return types;
    }

    /// Finishes the guest: kallsyms, page tables, registers.
    public RamMachine machine() {
        putInt(address("system_state"), systemState);
        symbol("_end", 'B', IMAGE_END);
        if (hasKallsyms) {
            kallsyms.symbols().sort((a, b) -> Long.compareUnsigned(a.address(), b.address()));
            addresses.put("kallsyms", rodata(kallsyms.build(IMAGE)));
        }
        map();
        gate();
        long cr3 = PROCESS_TABLES + (inUserMode ? PAGE_4K : 0);
        byte[] ram = new byte[RAM_BYTES];
        machine.put(PROCESS_TABLES, page(physical(address("init_top_pgt"))));
        copy(0, ram);
        return new RamMachine(ram, List.of(registers(cr3, true)));
    }

    /// Registers of a vCPU in this guest.
    VcpuRegisters registers(long cr3, boolean paging) {
        long cr4 = 1 << 5 | (levels == 5 ? 1 << 12 : 0);
        return new VcpuRegisters(
                new long[16], HANDLER, 2, inUserMode ? 3 : 0, 0, 0, paging ? 1L << 31 : 0, 0, cr3, cr4, 0, IDT_ADDRESS);
    }

    private void map() {
        PageTables kernel = new PageTables(machine, physical(address("init_top_pgt")), levels, 0x2_0000);
        for (long offset = 0; IMAGE + offset < IMAGE_END; offset += PAGE_4K) {
            long flags = offset < TEXT_BYTES ? 0 : IMAGE + offset < DATA ? NO_EXECUTE : NO_EXECUTE | WRITABLE;
            if (offset < TEXT_BYTES || IMAGE + offset >= RODATA) {
                kernel.map(IMAGE + offset, PHYSICAL_IMAGE + offset, PAGE_4K, flags);
            }
        }
        for (long page = MODULES; page < nextModule; page += PAGE_4K) {
            kernel.map(page, PHYSICAL_MODULES + page - MODULES, PAGE_4K, 0);
        }
        kernel.map(directMap, 0, PAGE_2M, WRITABLE | NO_EXECUTE).map(IDT_ADDRESS, IDT, PAGE_4K, NO_EXECUTE);
        new PageTables(machine, PROCESS_TABLES + PAGE_4K, levels, 0x4_0000)
                .map(IDT_ADDRESS, IDT, PAGE_4K, NO_EXECUTE)
                .map(HANDLER, PHYSICAL_IMAGE + 0x1000, PAGE_4K, 0);
    }

    private void gate() {
        byte[] gate = new Bytes()
                .u16((int) handler)
                .u16(0x10)
                .u16(0x8e00)
                .u16((int) (handler >> 16))
                .u32(handler >> 32)
                .u32(0)
                .array();
        machine.put(IDT + 14 * 16, gate);
    }

    private void table(String name, long start, int sizeBytes) {
        symbol("__start_" + name, 'D', start);
        symbol("__stop_" + name, 'D', start + sizeBytes);
    }

    private void set(String symbol, String member, long value) {
        putLong(address(symbol) + types.offset(member), value);
    }

    long rodata(byte... bytes) {
        long start = nextRodata;
        nextRodata = start + bytes.length + 7 & -8L;
        if (nextRodata > DATA) {
            throw new IllegalStateException("read-only data is full");
        }
        return put(start, bytes);
    }

    long data(long sizeBytes) {
        long start = nextData;
        nextData = start + sizeBytes + 7 & -8L;
        return start;
    }

    long heap(int sizeBytes) {
        long start = nextHeap;
        nextHeap = start + sizeBytes + 7 & -8L;
        if (physical(nextHeap) > PHYSICAL_MODULES) {
            throw new IllegalStateException("allocated memory is full");
        }
        return start;
    }

    void emptyList(long head) {
        putLong(head, head);
        putLong(head + 8, head);
    }

    /// As `list_add_tail`.
    void append(long head, long entry) {
        long last = getLong(head + 8);
        putLong(last, entry);
        putLong(entry, head);
        putLong(entry + 8, last);
        putLong(head + 8, entry);
    }

    /// Where a virtual address of this guest lies in its RAM.
    long physical(long address) {
        if (address >= MODULES) {
            return address - MODULES + PHYSICAL_MODULES;
        }
        return address >= IMAGE ? address - IMAGE + PHYSICAL_IMAGE : address - directMap;
    }

    long put(long address, byte... bytes) {
        machine.put(physical(address), bytes);
        return address;
    }

    void putLong(long address, long value) {
        machine.putLong(physical(address), value);
    }

    void putInt(long address, int value) {
        put(address, new Bytes().u32(value).array());
    }

    long getLong(long address) {
        byte[] word = new byte[8];
        copy(physical(address), word);
        return ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private byte[] page(long physical) {
        byte[] page = new byte[(int) PAGE_4K];
        copy(physical, page);
        return page;
    }

    private void copy(long physical, byte[] target) {
        try {
            machine.memory().read(new dev.plumbline.machine.PhysicalAddress(physical), MemorySegment.ofArray(target));
        } catch (dev.plumbline.machine.GuestException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
