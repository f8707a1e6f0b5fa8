package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.machine.GuestException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whatever the guest's memory holds, each question to [LinuxKernel] ends soon, with an answer or a [GuestException].
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class HostileGuestTest {
    private static final long SEED = 20_261_123;
    private static final int MUTATIONS = 3000;
    private static final Duration SOON = Duration.ofSeconds(4);

    /// Values that are more likely than random ones to be taken for something.
    private static final long[] TELLING = {
        0,
        1,
        -1,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_ffffL,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        0xdead_0000_0000_0100L,
        FakeLinux.IMAGE,
        FakeLinux.DATA,
        FakeLinux.MODULES,
        0x40_0000,
        0x7fff_ffff_f000L,
        -4096,
        0x10_0000
    };

    /// Where page tables, read-only data, data, allocated memory and modules lie.
    private static final int[][] PARTS = {
        {0x1_0000, 0x6_1000},
        {0x11_0000, 0x14_0000},
        {0x14_0000, 0x18_0000},
        {0x18_0000, 0x1c_0000},
        {0x1c_0000, 0x20_0000}
    };

    private final FakeLinux linux;
    private final RamMachine machine;
    private int asked;
    private int answers;
    private int failures;

    HostileGuestTest() {
        linux = populated(Order.SINCE_6_4);
        machine = linux.machine();
    }

    static FakeLinux populated(Order order) {
        FakeLinux guest = new FakeLinux(4, order);
        for (int pid = 1; pid < 6; pid++) {
            guest.thread(guest.process(pid, "process " + pid), 100 + pid, "thread");
        }
        for (String name : new String[] {"loop", "dummy"}) {
            FakeModule module = guest.module(name);
            module.staticKeys(module.base() + 8, module.base() + 16).staticCalls(module.base() + 24);
            module.staticCallKeys(guest.staticCallKey(module.base()));
            module.inTree(module.inTree(guest.modTree()) + 8);
            BtfBuilder types = guest.types().moduleTypes();
            types.function(name + "_init", types.prototype(guest.types().pointer()));
            module.typed(1, types.build());
            module.symbol(name + "_init", 't', module.base())
                    .exported(name + "_init", module.base())
                    .load();
        }
        guest.staticKeys(FakeLinux.IMAGE + 8).staticCalls(FakeLinux.IMAGE + 16).cpus(0, 1);
        guest.kprobe(1, FakeLinux.IMAGE + 24)
                .bpfProgram("program", 1, -1)
                .trampoline(2, Long.MAX_VALUE)
                .kprobePage(3);
        return guest.ftracePage(new FtraceRecord(FakeLinux.IMAGE + 32, 0))
                .ftracePage(new FtraceRecord(FakeLinux.IMAGE, 0));
    }

    @ParameterizedTest
    @EnumSource(Order.class)
    void mutatedMemoryGivesAnAnswerOrAGuestException(Order order) {
        Random random = new Random(SEED);
        RamMachine guest = populated(order).machine();
        byte[] pristine = guest.ram().clone();
        for (int i = 0; i < MUTATIONS; i++) {
            System.arraycopy(pristine, 0, guest.ram(), 0, pristine.length);
            int changes = 1 + random.nextInt(3);
            for (int change = 0; change < changes; change++) {
                mutate(guest.ram(), pristine, random);
            }
            ask(guest, "seed %d, %s, mutation %d".formatted(SEED, order, i));
        }
        assertThat(answers).as("answers").isGreaterThan(MUTATIONS);
        assertThat(failures).as("failures").isGreaterThan(MUTATIONS / 2);
    }

    /// Changes something where something is: most of this guest's memory is unused.
    private static void mutate(byte[] ram, byte[] pristine, Random random) {
        int[] part = PARTS[random.nextInt(PARTS.length)];
        int at;
        do {
            at = random.nextInt(part[0] / 8, part[1] / 8) * 8;
        } while (ByteBuffer.wrap(pristine, at, 8).getLong() == 0 && random.nextInt(1000) != 0);
        ByteBuffer words = ByteBuffer.wrap(ram).order(ByteOrder.LITTLE_ENDIAN);
        switch (random.nextInt(5)) {
            case 0 -> words.putLong(at, TELLING[random.nextInt(TELLING.length)]);
            case 1 -> words.putInt(at + 4 * random.nextInt(2), (int) TELLING[random.nextInt(TELLING.length)]);
            case 2 -> ram[at + random.nextInt(8)] ^= (byte) (1 << random.nextInt(8));
            case 3 -> words.putLong(at, words.getLong(random.nextInt(ram.length / 8) * 8));
            default -> random.ints(1 + random.nextInt(32), 0, 256).forEach(new Filler(ram, at)::put);
        }
    }

    /// Puts one byte after the other.
    private static final class Filler {
        private final byte[] ram;
        private int at;

        Filler(byte[] ram, int at) {
            this.ram = ram;
            this.at = at;
        }

        void put(int value) {
            ram[at++ % ram.length] = (byte) value;
        }
    }

    private interface Question {
        Object ask() throws GuestException;
    }

    private void ask(RamMachine guest, String description) {
        LinuxKernel[] kernel = new LinuxKernel[1];
        soon(description + ": open", () -> kernel[0] = LinuxKernel.open(guest));
        if (kernel[0] == null) {
            return;
        }
        soon(description + ": symbols", kernel[0]::symbols);
        soon(description + ": modules", kernel[0]::modules);
        soon(description + ": tasks", kernel[0]::tasks);
        soon(description + ": ftraceRecords", kernel[0]::ftraceRecords);
        soon(description + ": systemCalls", kernel[0]::systemCalls);
        soon(description + ": perCpu", kernel[0]::perCpu);
        soon(description + ": code", kernel[0]::code);
        soon(description + ": question %d of who patches".formatted(asked % 6), patchQuestion(kernel[0], asked++ % 6));
        soon(description + ": verifyStillRunning", () -> {
            kernel[0].verifyStillRunning();
            return "";
        });
    }

    // One each time: they read much that the others do.
    private static Question patchQuestion(LinuxKernel kernel, int number) {
        return switch (number) {
            case 0 -> kernel::kprobeHandlers;
            case 1 -> kernel::ftraceUsers;
            case 2 -> kernel::unlistedModules;
            case 3 -> kernel::staticKeyTargets;
            case 4 -> kernel::staticCallFunctions;
            default -> () -> kernel.functionTypes().look();
        };
    }

    private void soon(String description, Question question) {
        long start = System.nanoTime();
        assertThatCode(() -> {
                    try {
                        question.ask();
                        answers++;
                    } catch (GuestException e) {
                        failures++;
                        assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
                    }
                })
                .as(description)
                .doesNotThrowAnyException();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).as(description).isLessThan(SOON);
    }

    @Test
    void aListThatBitesItsTailEnds() {
        long links = linux.address("modules");
        put(get(links), get(links));
        ask(machine, "module list");
        assertThat(failure(() -> LinuxKernel.open(machine).modules())).contains("list of modules");
    }

    @Test
    void anEndlessListOfFtracePagesEnds() {
        long page = get(linux.address("ftrace_pages_start"));
        put(page + linux.types().offset("ftrace_page.next"), page);
        ask(machine, "ftrace pages");
        assertThat(failure(() -> LinuxKernel.open(machine).ftraceRecords())).contains("without end");
    }

    @Test
    void anEndlessChainOfKprobesEnds() {
        long bucket = linux.address("kprobe_table") + 8;
        put(get(bucket), get(bucket));
        ask(machine, "kprobes");
        assertThat(failure(() -> LinuxKernel.open(machine).code())).contains("0x");
    }

    @Test
    void tasksInACircleEnd() {
        long first = get(linux.address("init_task") + linux.types().offset("task_struct.tasks"));
        put(get(first), first);
        ask(machine, "tasks");
        assertThat(failure(() -> LinuxKernel.open(machine).tasks()))
                .startsWith("cannot read the kernel of " + machine.name() + ": list of tasks")
                .contains("; run the command again");
    }

    @Test
    void aSymbolCountWithoutMeasureIsRefused() {
        long module = get(linux.address("modules")) - linux.types().offset("module.list");
        long kallsyms = get(module + linux.types().offset("module.kallsyms"));
        put(kallsyms + linux.types().offset("mod_kallsyms.num_symtab"), 0x7fff_ffff);
        ask(machine, "symbols of a module");
        assertThat(failure(() -> LinuxKernel.open(machine).symbols())).contains("symbols of module loop");
    }

    private static String failure(Question question) {
        try {
            return "no failure but " + question.ask();
        } catch (GuestException e) {
            return e.getMessage();
        }
    }

    private long get(long address) {
        return words().getLong((int) linux.physical(address));
    }

    private void put(long address, long value) {
        words().putLong((int) linux.physical(address), value);
    }

    private ByteBuffer words() {
        return ByteBuffer.wrap(machine.ram()).order(ByteOrder.LITTLE_ENDIAN);
    }
}
