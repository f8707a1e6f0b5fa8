package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Guests whose memory is laid out otherwise than usual.
@Tag("guest")
@Timeout(120)
class UnusualGuestTest {
    private static final long FOUR_GIB = 1L << 32;
    private static final int ATTACHES = 60;

    @Test
    void memoryAboveFourGibIsReadWhereItIs() throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withMemoryMib(5120).withKernel(GuestKernel.V6_12));
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

    @Test
    void fiveLevelPageTablesAreWalked() throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                GuestOptions.DEFAULT.withCpuModel("max").withCpus(2).withKernel(GuestKernel.V6_1))) {
            guest.guest().execChecked("modprobe bridge");
            assertThat(guest.<Integer>read(
                            kernel -> kernel.machine().registers().read(0).pagingLevels()))
                    .isEqualTo(5);
            compare(guest);
        }
    }

    @Test
    void kernelIsFoundWhileAllVcpusAreInUserModeBehindPageTableIsolation() throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withCpuModel("Skylake-Client")
                .withAppend("pti=on")
                .withCpus(2)
                .withKernel(GuestKernel.V6_12))) {
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
                assertThat(CommandRun.of("inspect", guest.vm()).succeeded().out())
                        .contains("KASLR slide");
            }
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
        assertThat(guest.read(LinuxKernel::ftraceRecords))
                .hasSameSizeAs(guest.says().tracedFunctions());
        TasksContract.compareTasks(guest);
        assertThat(CommandRun.of("inspect", guest.vm(), "--json")
                        .succeeded()
                        .json()
                        .path("symbolCount")
                        .asInt())
                .isEqualTo(symbols.size());
    }
}
