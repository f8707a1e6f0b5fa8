package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class LinuxKernelTest {
    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);

    @ParameterizedTest
    @CsvSource({"4, SINCE_6_4, false", "5, SINCE_6_4, true", "4, BEFORE_6_4, true", "5, BEFORE_6_2, false"})
    void aKernelIsFoundWhateverItsLayoutIs(int levels, Order order, boolean inUserMode) throws GuestException {
        FakeLinux guest = new FakeLinux(levels, order);
        if (inUserMode) {
            guest.inUserMode();
        }
        LinuxKernel kernel = LinuxKernel.open(guest.machine());

        assertThat(kernel.image())
                .isEqualTo(new KernelImage(FakeLinux.IMAGE, FakeLinux.IMAGE_END, guest.physical(FakeLinux.IMAGE)));
        assertThat(kernel.image().kaslrSlide()).isEqualTo(0x1900_0000);
        assertThat(kernel.identity().banner()).isEqualTo(FakeLinux.BANNER.strip());
        assertThat(kernel.identity().release()).isEqualTo("6.99.0-fake");
        assertThat(kernel.identity().buildId()).isEqualTo(FakeLinux.BUILD_ID);
        assertThat(kernel.identity().bootMark()).matches("[0-9a-f]{16}");
        assertThat(kernel.addressSpace().levels()).isEqualTo(levels);
        assertThat(kernel.addressSpace().root().value()).isEqualTo(guest.physical(guest.address("init_top_pgt")));
        assertThat(listed(kernel.coreSymbols())).isEqualTo(guest.coreSymbols());
        kernel.verifyStillRunning();
    }

    @Test
    void perCpuSymbolsMayBeRelativeToTheBaseLikeAllOthers() throws GuestException {
        linux.absolutePerCpu(false).withoutSymbol("fixed_percpu_data").withoutSymbol("current_task");
        LinuxKernel kernel = LinuxKernel.open(linux.machine());

        assertThat(listed(kernel.coreSymbols())).isEqualTo(linux.coreSymbols());
    }

    @Test
    void aKernelThatStillBootsIsSaidToBe() {
        assertFails(linux.systemState(2), GuestException.class, "still booting; try again");
    }

    @Test
    void aSystemWithoutKallsymsIsNotLinux() {
        assertFails(linux.withoutKallsyms(), NotLinuxException.class, "has no kallsyms");
    }

    @Test
    void aHandlerElsewhereIsNotLinux() {
        assertFails(linux.handler(0xffff_f800_1234_5678L), NotLinuxException.class, "0xfffff80012345678");
    }

    @Test
    void aHandlerInTheWindowButOutsideTheImageIsNotLinux() {
        assertFails(
                linux.handler(FakeLinux.IMAGE_END + 0x10_0000), NotLinuxException.class, "outside the mapped image");
    }

    @Test
    void aMachineWithPagingOffRunsFirmware() {
        RamMachine machine = linux.machine();
        machine.vcpus(List.of(linux.registers(0, false), linux.registers(0, false)));

        assertThatThrownBy(() -> LinuxKernel.open(machine))
                .isInstanceOf(NotLinuxException.class)
                .hasMessageContaining("vCPU 1 has 64-bit paging off");
    }

    @Test
    void aVcpuThatIsDownDoesNotHideWhatAnotherShows() {
        RamMachine machine = linux.withoutKallsyms().machine();
        machine.vcpus(List.of(machine.read(0), linux.registers(0, false)));

        assertThatThrownBy(() -> LinuxKernel.open(machine))
                .isInstanceOf(NotLinuxException.class)
                .hasMessageContaining("has no kallsyms");
    }

    @Test
    void oneVcpuInTheKernelIsEnough() throws GuestException {
        RamMachine machine = linux.machine();
        machine.vcpus(List.of(linux.registers(0, false), linux.registers(0x5000, true), machine.read(0)));

        LinuxKernel kernel = LinuxKernel.open(machine);
        kernel.verifyStillRunning();
        assertThat(kernel.identity().buildId()).isEqualTo(FakeLinux.BUILD_ID);
    }

    @Test
    void aTableThatPointsOutsideRamIsNotLinux() {
        RamMachine machine = linux.machine();
        machine.vcpus(List.of(linux.registers(0x7fff_f000L, true)));

        assertThatThrownBy(() -> LinuxKernel.open(machine)).isInstanceOf(NotLinuxException.class);
    }

    /// As behind the entry of a non-maskable interrupt, before the kernel has switched to its own tables.
    @Test
    void aVcpuInTheKernelUnderAUsersTablesLeadsToTheKernel() throws GuestException {
        RamMachine machine = linux.inUserMode().machine();
        VcpuRegisters user = machine.read(0);
        machine.vcpus(List.of(new VcpuRegisters(
                user.general(),
                user.rip(),
                user.rflags(),
                0,
                user.fsBase(),
                user.gsBase(),
                user.cr0(),
                user.cr2(),
                user.cr3(),
                user.cr4(),
                user.gdtBase(),
                user.idtBase())));

        LinuxKernel kernel = LinuxKernel.open(machine);

        assertThat(kernel.image().virtualBase()).isEqualTo(FakeLinux.IMAGE);
        assertThat(kernel.addressSpace().root().value()).isEqualTo(linux.physical(linux.address("init_top_pgt")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"_text", "init_top_pgt", "__start_BTF", "system_state", "linux_banner"})
    void aSymbolThatIsMissingIsNamed(String symbol) {
        RamMachine machine = linux.withoutSymbol(symbol).machine();

        assertThatThrownBy(() -> LinuxKernel.open(machine))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("no symbol " + symbol);
    }

    @Test
    void processesAndThreadsAreListedInTheKernelsOrder() throws GuestException {
        long init = linux.process(1, "systemd");
        long daemon = linux.process(77, "fifteen-letters");
        long worker = linux.thread(daemon, 79, "worker");
        long other = linux.process(78, "sh");
        LinuxKernel kernel = LinuxKernel.open(linux.machine());

        assertThat(kernel.tasks())
                .containsExactly(
                        new Task(1, 1, "systemd", init),
                        new Task(77, 77, "fifteen-letters", daemon),
                        new Task(79, 77, "worker", worker),
                        new Task(78, 78, "sh", other));
        assertThat(kernel.tasks().stream().filter(Task::isProcess)).hasSize(3);
    }

    @ParameterizedTest
    @EnumSource(Order.class)
    void modulesAreListedWithTheirSymbols(Order order) throws GuestException {
        FakeLinux guest = new FakeLinux(4, order);
        FakeModule first = guest.module("loop");
        first.symbol("loop_init", 't', first.base())
                .symbol("loop_register", 't', first.base() + 0x20)
                .symbol("loop_data", 'd', first.base() + 0x2000)
                .symbol("hidden", 'T', first.base() + 0x30)
                .exported("loop_register", first.base() + 0x20)
                .exported("hidden", first.base() + 0x31)
                .load();
        FakeModule second = guest.module("dummy");
        second.symbol("dummy_init", 't', second.base()).load();
        guest.module("unformed").state(3).load();
        FakeModule coming = guest.module("coming").state(1).symbol("early", 't', 1);
        coming.load();
        LinuxKernel kernel = LinuxKernel.open(guest.machine());

        assertThat(kernel.modules()).containsExactly(first.expected(), second.expected(), coming.expected());
        SymbolTable symbols = kernel.symbols();
        assertThat(listed(symbols).subList(guest.coreSymbols().size(), symbols.size()))
                .containsExactly(
                        new KallsymsBuilder.Symbol(first.base(), 't', "loop_init"),
                        new KallsymsBuilder.Symbol(first.base() + 0x20, 'T', "loop_register"),
                        new KallsymsBuilder.Symbol(first.base() + 0x2000, 'd', "loop_data"),
                        new KallsymsBuilder.Symbol(first.base() + 0x30, 't', "hidden"),
                        new KallsymsBuilder.Symbol(second.base(), 't', "dummy_init"));
        assertThat(symbols.owner(guest.coreSymbols().size())).isEqualTo("loop");
        assertThat(symbols.owner(symbols.size() - 1)).isEqualTo("dummy");
        assertThat(symbols.owner(0)).isNull();
    }

    @Test
    void generatedCodeHasSymbolsBehindThoseOfModules() throws GuestException {
        linux.trampoline(FakeLinux.MODULES + 0x10_0000, 0x80)
                .bpfProgram("bpf_prog_6deef7357e7b4530", FakeLinux.MODULES + 0x20_0000, 0x40)
                .kprobePage(FakeLinux.MODULES + 0x30_0000);
        SymbolTable symbols = LinuxKernel.open(linux.machine()).symbols();
        int first = linux.coreSymbols().size();

        assertThat(listed(symbols).subList(first, symbols.size()))
                .containsExactly(
                        new KallsymsBuilder.Symbol(FakeLinux.MODULES + 0x10_0000, 't', "ftrace_trampoline"),
                        new KallsymsBuilder.Symbol(FakeLinux.MODULES + 0x20_0000, 't', "bpf_prog_6deef7357e7b4530"),
                        new KallsymsBuilder.Symbol(FakeLinux.MODULES + 0x30_0000, 't', "kprobe_insn_page"));
        assertThat(List.of(symbols.owner(first), symbols.owner(first + 1), symbols.owner(first + 2)))
                .containsExactly("__builtin__ftrace", "bpf", "__builtin__kprobes");
    }

    @Test
    void generatedCodeEndsSomewhereWhateverTheGuestSays() throws GuestException {
        linux.trampoline(FakeLinux.MODULES + 0x10_0000, 0x80)
                .bpfProgram("program", FakeLinux.MODULES + 0x20_0000, 0x40)
                .bpfProgram("endless", FakeLinux.MODULES + 0x40_0000, Long.MAX_VALUE)
                .bpfProgram("backwards", FakeLinux.MODULES + 0x80_0000, -1)
                .kprobePage(FakeLinux.MODULES + 0x30_0000);
        List<GeneratedRegion> regions = LinuxKernel.open(linux.machine()).generatedCode();

        assertThat(regions)
                .extracting(region -> region.end() - region.start())
                .containsExactly(0x80L, 0x40L, 1L << 20, 0L, 4096L);
        GeneratedRegion program = regions.get(1);
        assertThat(program.owner()).isEqualTo("bpf");
        assertThat(program.contains(FakeLinux.MODULES + 0x20_003f)).isTrue();
        assertThat(program.contains(FakeLinux.MODULES + 0x20_0040)).isFalse();
        assertThat(program.contains(FakeLinux.MODULES + 0x1f_ffff)).isFalse();
    }

    @Test
    void ftraceRecordsComeInTheKernelsOrderWithoutThoseThatWereFreed() throws GuestException {
        FtraceRecord one = new FtraceRecord(FakeLinux.IMAGE + 0x200, 1L << 31 | 1);
        FtraceRecord two = new FtraceRecord(FakeLinux.IMAGE + 0x100, 1L << 25);
        FtraceRecord three = new FtraceRecord(FakeLinux.IMAGE + 0x2000, 0);
        linux.ftracePage(one, new FtraceRecord(0, 0), two).ftracePage().ftracePage(three);
        LinuxKernel kernel = LinuxKernel.open(linux.machine());

        assertThat(kernel.ftraceRecords()).containsExactly(one, two, three);
        assertThat(one.enabled()).isTrue();
        assertThat(two.enabled()).isFalse();
        assertThat(two.disabled()).isTrue();
    }

    @Test
    void aKernelWithoutFunctionTracerHasNoRecords() throws GuestException {
        assertThat(LinuxKernel.open(linux.withoutSymbol("ftrace_pages_start").machine())
                        .ftraceRecords())
                .isEmpty();
    }

    @Test
    void systemCallsAreThoseThatLeadToTheirFunction() throws GuestException {
        assertThat(LinuxKernel.open(linux.machine()).systemCalls())
                .containsExactly(
                        new SystemCall(0, "read", FakeLinux.IMAGE + 0x100),
                        new SystemCall(1, "write", FakeLinux.IMAGE + 0x200),
                        new SystemCall(4, "write", FakeLinux.IMAGE + 0x200));
    }

    @Test
    void eachCpuHasItsBase() throws GuestException {
        PerCpu perCpu = LinuxKernel.open(linux.cpus(0xffff_8880_0010_0000L, 0xffff_8880_0020_0000L, 7)
                        .machine())
                .perCpu();

        assertThat(perCpu.bases()).containsExactly(0xffff_8880_0010_0000L, 0xffff_8880_0020_0000L, 7);
        assertThat(perCpu.online()).containsExactly(true, true, false);
        assertThat(perCpu.possible()).containsExactly(true, true, true);
    }

    @Test
    void codeIsReadWithItsSymbolsAndPatchPlaces() throws GuestException {
        FakeModule module = linux.module("loop");
        module.staticKeys(module.base() + 0x40, module.base() + 8)
                .staticCalls(module.base() + 0x50)
                .load();
        linux.staticKeys(FakeLinux.IMAGE + 0x500, FakeLinux.IMAGE + 0x400).staticCalls(FakeLinux.IMAGE + 0x600);
        linux.kprobe(3, FakeLinux.IMAGE + 0x700)
                .kprobe(3, FakeLinux.IMAGE + 0x680)
                .kprobe(63, module.base() + 1);
        linux.ftracePage(new FtraceRecord(FakeLinux.IMAGE + 0x204, 0), new FtraceRecord(FakeLinux.IMAGE + 0x104, 0));
        KernelCode code = LinuxKernel.open(linux.machine()).code();

        assertThat(code.regions()).extracting(CodeRegion::owner).containsExactly(null, "loop");
        assertThat(code.regions()).extracting(CodeRegion::baseAddress).containsExactly(FakeLinux.IMAGE, module.base());
        CodeRegion text = code.regions().getFirst();
        assertThat(text.bytes().byteSize()).isEqualTo(FakeLinux.TEXT_BYTES);
        assertThat(text.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED, 0x1238)).isEqualTo(0x9090_9090_0000_1238L);
        assertThat(code.regions().get(1).bytes().byteSize()).isEqualTo(FakeModule.TEXT_BYTES);
        PatchPlaces places = code.patchPlaces();
        assertThat(places.ftraceSites()).containsExactly(FakeLinux.IMAGE + 0x104, FakeLinux.IMAGE + 0x204);
        assertThat(places.staticKeySites())
                .containsExactly(
                        FakeLinux.IMAGE + 0x400, FakeLinux.IMAGE + 0x500, module.base() + 8, module.base() + 0x40);
        assertThat(places.staticCallSites()).containsExactly(FakeLinux.IMAGE + 0x600, module.base() + 0x50);
        assertThat(places.kprobeSites())
                .containsExactly(FakeLinux.IMAGE + 0x680, FakeLinux.IMAGE + 0x700, module.base() + 1);
        assertThat(code.symbols().size()).isEqualTo(linux.coreSymbols().size());
    }

    private static void assertFails(FakeLinux guest, Class<? extends GuestException> kind, String message) {
        RamMachine machine = guest.machine();
        assertThatThrownBy(() -> LinuxKernel.open(machine))
                .isExactlyInstanceOf(kind)
                .hasMessageContaining("fake:linux")
                .hasMessageContaining(message);
    }

    static List<KallsymsBuilder.Symbol> listed(SymbolTable symbols) {
        List<KallsymsBuilder.Symbol> listed = new ArrayList<>();
        for (int i = 0; i < symbols.size(); i++) {
            listed.add(new KallsymsBuilder.Symbol(symbols.address(i), symbols.type(i), symbols.name(i)));
        }
        return listed;
    }
}
