package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.ObjdumpEdges;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Guests whose memory is laid out otherwise than usual.
@Tag("guest")
@Timeout(300)
class UnusualGuestTest {
    private static final long FOUR_GIB = 1L << 32;
    private static final int ATTACHES = 30;

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void memoryAboveFourGibIsReadWhereItIs(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withMemoryMib(5120).withKernel(kernel));
                RunningCommand _ = guest.startUntilReady("many-threads 10 5")) {
            guest.guest().execChecked("modprobe 8021q");
            compare(guest);
            assertThat(guest.read(UnusualGuestTest::tasksAboveFourGib)).isGreaterThan(50);
        }
    }

    private static long tasksAboveFourGib(LinuxKernel kernel) throws GuestException {
        long above = 0;
        for (Task task : kernel.tasks()) {
            above += kernel.addressSpace().physical(new VirtualAddress(task.address())) >= FOUR_GIB ? 1 : 0;
        }
        return above;
    }

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void fiveLevelPageTablesAreWalked(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                GuestOptions.DEFAULT.withCpuModel("max").withCpus(2).withKernel(kernel))) {
            guest.guest().execChecked("modprobe bridge");
            assertThat(guest.<Integer>read(
                            it -> it.machine().registers().read(0).pagingLevels()))
                    .isEqualTo(5);
            compare(guest);
        }
    }

    /// RAM in a shared file is mapped, in two pieces around the hole; without mitigations the kernel has made plain
    /// calls of those through thunks.
    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void sharedMemoryIsMappedAndIndirectCallsWithoutThunksAreFound(GuestKernel kernel, @TempDir Path directory)
            throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(kernel)
                .withAppend("mitigations=off")
                .withExtraQemuArguments(
                        "-object",
                        "memory-backend-memfd,id=shared,size=512M,share=on",
                        "-machine",
                        "memory-backend=shared,max-ram-below-4g=256M"))) {
            guest.guest().execChecked("modprobe nf_conntrack");
            compare(guest);
            KernelCode code = guest.read(it -> {
                assertThat(Path.of("/proc/self/maps")).content().contains("/memfd:memory-backend-memfd");
                assertThat(it.machine().memory().ranges()).hasSizeGreaterThan(1);
                return it.code();
            });
            CallGraph graph = CallGraph.of(code);
            assertThat(ObjdumpEdges.differences(code, graph)).isEmpty();
            assertThat(graph.indirectSites())
                    .filteredOn(site -> !site.viaThunk())
                    .hasSizeGreaterThan(5_000);
            compareDump(guest, directory.resolve("dump"));
        }
    }

    private static void compareDump(GuestUnderTest guest, Path file) throws Exception {
        try (QmpClient monitor = guest.monitor()) {
            monitor.execute("stop");
            guest.dump(file);
            DumpContract.compare(guest.read(Snapshot::of), GuestUnderTest.readDump(file, Snapshot::of));
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void kernelIsFoundWhileAllVcpusAreInUserModeBehindPageTableIsolation(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withCpuModel("Skylake-Client")
                .withAppend("pti=on")
                .withCpus(2)
                .withKernel(kernel))) {
            compare(guest);
            long text = guest.says().addresses("_text")[0];
            try (RunningCommand _ = guest.guest().start("while :; do :; done & while :; do :; done")) {
                int isolated = 0;
                for (int i = 0; i < ATTACHES; i++) {
                    isolated += attachSawIsolation(guest, text) ? 1 : 0;
                }
                assertThat(isolated)
                        .as("attaches that saw nothing but isolated vCPUs")
                        .isPositive();
                attachDuringInterrupts(guest, text);
                assertThat(CommandRun.of("inspect", guest.vm()).succeeded().out())
                        .contains("KASLR slide");
            }
        }
    }

    /// Non-maskable interrupts enter the kernel with the user's page tables still in force.
    private static void attachDuringInterrupts(GuestUnderTest guest, long text) throws Exception {
        try (QmpClient monitor = guest.monitor();
                ExecutorService other = Executors.newSingleThreadExecutor()) {
            Future<Integer> interrupting = other.submit(() -> {
                int sent = 0;
                for (; !Thread.currentThread().isInterrupted(); sent++) {
                    monitor.execute("inject-nmi");
                }
                return sent;
            });
            for (int attach = 0; attach < ATTACHES; attach++) {
                attachSawIsolation(guest, text);
            }
            assertThat(interrupting.isDone()).isFalse();
            interrupting.cancel(true);
        }
    }

    /// Whether every look the attach took at a vCPU found it in user mode, with the page tables that lack the kernel.
    private static boolean attachSawIsolation(GuestUnderTest guest, long text) throws GuestException {
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            WatchedMachine watched = new WatchedMachine(machine);
            LinuxKernel kernel = LinuxKernel.open(watched);
            assertThat(kernel.image().virtualBase()).isEqualTo(text);
            assertThat(kernel.tasks()).extracting(Task::pid).contains(1, 2);
            return watched.seen().stream()
                    .allMatch(registers -> registers.cpl() == 3 && (registers.cr3() & 1L << 12) != 0);
        }
    }

    private static void compare(GuestUnderTest guest) throws Exception {
        List<GuestSays.Symbol> symbols = SymbolsContract.symbols(guest.read(LinuxKernel::symbols));
        assertThat(Differences.between(guest.says().symbols(), symbols)).isEmpty();
        SymbolsContract.compareModules(guest);
        TracerContract.compareSites(guest);
        TasksContract.compareTasks(guest);
        assertThat(CommandRun.of("inspect", guest.vm(), "--json")
                        .succeeded()
                        .json()
                        .path("symbolCount")
                        .asInt())
                .isEqualTo(symbols.size());
    }
}
