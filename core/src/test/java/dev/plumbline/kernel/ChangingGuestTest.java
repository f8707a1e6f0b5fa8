package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A guest that goes on while it is read: each test makes its change before every single read that the reading
/// takes, one after the other, so that no moment is left out.
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ChangingGuestTest {
    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);
    private final FakeModule loop = linux.module("loop");
    private final FakeModule dummy = linux.module("dummy");
    private long[] tasks;
    private byte[] ram;
    private RamMachine machine;
    private LinuxKernel kernel;

    @BeforeEach
    void open() throws GuestException {
        tasks = new long[] {linux.process(1, "init"), linux.process(2, "two"), linux.process(3, "three")};
        linux.thread(tasks[1], 4, "worker");
        loop.symbol("loop_init", 't', loop.base()).load();
        dummy.symbol("dummy_init", 't', dummy.base()).load();
        machine = linux.machine();
        kernel = LinuxKernel.open(machine);
        ram = machine.ram().clone();
    }

    /// Changes the guest before the n-th read, for all n that the reading takes.
    private <T> void atEachRead(Runnable change, Consistently.Reading<T> reading, List<T> right) throws GuestException {
        long reads = machine.reads();
        reading.read();
        reads = machine.reads() - reads;
        for (long n = 1; n <= reads; n++) {
            System.arraycopy(ram, 0, machine.ram(), 0, ram.length);
            machine.beforeRead(n, change);
            assertThat(reading.read())
                    .as("change before read %d of %d", n, reads)
                    .isIn(right);
        }
    }

    @Test
    void aProcessThatLeavesIsListedOrNotAndAllOthersAre() throws GuestException {
        List<Task> before = kernel.tasks();
        List<Task> after = before.stream()
                .filter(task -> task.pid() != 2 && task.pid() != 4)
                .toList();
        Runnable exit = () -> {
            remove(tasks[1] + linux.types().offset("task_struct.tasks"));
            overwrite(tasks[1], linux.types().size("task_struct"));
        };

        atEachRead(exit, kernel::tasks, List.of(before, after));
    }

    @Test
    void aProcessWhoseMemoryBecomesThatOfTheNewestDoesNotHideTheOthers() throws GuestException {
        List<Task> before = kernel.tasks();
        long links = tasks[0] + linux.types().offset("task_struct.tasks");
        Task reborn = new Task(9, 9, "init", tasks[0]);
        List<Task> after = List.of(before.get(1), before.get(2), before.get(3), reborn);
        Runnable exitAndFork = () -> {
            remove(links);
            append(linux.address("init_task") + linux.types().offset("task_struct.tasks"), links);
            putLong(tasks[0] + linux.types().offset("task_struct.pid"), 9L << 32 | 9);
        };

        atEachRead(exitAndFork, kernel::tasks, List.of(before, after));
    }

    @Test
    void aModuleThatIsUnloadedIsListedOrNot() throws GuestException {
        atEachRead(
                this::unloadLoop,
                kernel::modules,
                List.of(List.of(loop.expected(), dummy.expected()), List.of(dummy.expected())));
    }

    @Test
    void codeAndSymbolsAreOfTheSameModules() throws GuestException {
        List<Object> with = summary(kernel.code());
        List<Object> without = List.of(1 + 1, linux.coreSymbols().size() + 1);

        atEachRead(this::unloadLoop, () -> summary(kernel.code()), List.of(with, without));
    }

    @Test
    void aGuestThatBootsAnotherKernelMeanwhileIsSaidTo() throws GuestException {
        RamMachine rebooted = otherBoot();
        long reads = machine.reads();
        kernel.code();
        reads = machine.reads() - reads;
        for (long n = 1; n <= reads; n += 1 + reads / 100) {
            System.arraycopy(ram, 0, machine.ram(), 0, ram.length);
            RamMachine changing = new RamMachine(machine.ram(), List.of(machine.read(0)));
            LinuxKernel old = LinuxKernel.open(changing);
            changing.beforeRead(n, () -> changing.become(rebooted));

            assertThatThrownBy(() -> {
                        old.code();
                        old.verifyStillRunning();
                    })
                    .as("reboot before read %d", n)
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("was rebooted while it was read; run the command again");
        }
    }

    @Test
    void aRebootToTheSamePlaceIsNoticed() {
        putLong(linux.address("init_task") + linux.types().offset("task_struct.stack_canary"), 0x4711_0000L);

        assertThatThrownBy(kernel::verifyStillRunning).hasMessageContaining("was rebooted");
    }

    @Test
    void aGuestInItsFirmwareIsNoticedThoughItsMemoryIsAsItWas() {
        machine.vcpus(List.of(linux.registers(0, false)));

        assertThatThrownBy(kernel::verifyStillRunning).hasMessageContaining("was rebooted");
    }

    @Test
    void theProcessWhosePageTablesLeadToTheKernelMayEnd() throws GuestException {
        List<VcpuRegisters> inProcess = List.of(machine.read(0));
        List<VcpuRegisters> idle = List.of(linux.registers(linux.physical(linux.address("init_top_pgt")), true));
        int tables = (int) machine.read(0).cr3();
        Runnable exit = () -> {
            machine.vcpus(idle);
            Arrays.fill(machine.ram(), tables, tables + 4096, (byte) 0);
        };

        Consistently.Reading<KernelIdentity> opened =
                () -> LinuxKernel.open(machine.vcpus(inProcess)).identity();
        atEachRead(exit, opened, List.of(kernel.identity()));

        Consistently.Reading<Boolean> stillRunning = () -> {
            machine.vcpus(inProcess);
            return kernel.isStillRunning();
        };
        atEachRead(exit, stillRunning, List.of(true));
    }

    private RamMachine otherBoot() {
        FakeLinux other = new FakeLinux(4, Order.BEFORE_6_4);
        for (int pid = 1; pid < 50; pid++) {
            other.process(pid, "other");
        }
        other.putLong(other.address("init_task") + other.types().offset("task_struct.stack_canary"), 0x815);
        return other.module("another").load().machine();
    }

    private static List<Object> summary(KernelCode code) {
        return List.of(code.regions().size(), code.symbols().size());
    }

    @Test
    void aModuleThatComesToWhereOneHasGoneIsNoticed() throws GuestException {
        long mark = kernel.moduleMark();
        assertThat(kernel.moduleMark()).isEqualTo(mark);
        putLong(loop.address() + linux.types().offset("module.name"), 0x6c697665);
        assertThat(kernel.modules()).extracting(KernelModule::name).contains("evil");
        assertThat(kernel.moduleMark()).isNotEqualTo(mark);
    }

    private void unloadLoop() {
        remove(loop.address() + linux.types().offset("module.list"));
        overwrite(loop.address(), linux.types().size("module"));
        overwrite(loop.base(), FakeModule.TEXT_BYTES);
    }

    private void overwrite(long address, int sizeBytes) {
        for (int i = 0; i + 8 <= sizeBytes; i += 8) {
            putLong(address + i, 0x6b6b_6b6b_6b6b_6b6bL);
        }
    }

    private void remove(long entry) {
        putLong(getLong(entry + 8), getLong(entry));
        putLong(getLong(entry) + 8, getLong(entry + 8));
        putLong(entry + 8, 0xdead_0000_0000_0122L);
    }

    private void append(long head, long entry) {
        putLong(entry, head);
        putLong(entry + 8, getLong(head + 8));
        putLong(getLong(head + 8), entry);
        putLong(head + 8, entry);
    }

    private ByteBuffer words() {
        return ByteBuffer.wrap(machine.ram()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private long getLong(long address) {
        return words().getLong((int) linux.physical(address));
    }

    private void putLong(long address, long value) {
        words().putLong((int) linux.physical(address), value);
    }
}
