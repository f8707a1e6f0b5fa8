package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.PatchedMachine.Patch;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.MutatedTables;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestKernel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Real kernel memory with bytes changed in it gives answers or one clear error, soon. The guest keeps its bytes.
interface MutationContract {
    long MUTATION_SEED = 20_261_124;
    int SYMBOL_ROUNDS = 400;
    int TYPE_ROUNDS = 1000;
    int WHOLE_ROUNDS = 24;
    /// Symbols of what the readers begin with, and how many bytes of it are changed.
    Map<String, Integer> STARTS = new TreeMap<>(Map.ofEntries(
            Map.entry("init_top_pgt", 4096),
            Map.entry("__start_BTF", 24),
            Map.entry("linux_banner", 64),
            Map.entry("__start_notes", 32),
            Map.entry("modules", 16),
            Map.entry("ftrace_pages_start", 8),
            Map.entry("__per_cpu_offset", 8),
            Map.entry("nr_cpu_ids", 8)));
    Duration SOON = Duration.ofSeconds(20);

    GuestUnderTest guest();

    GuestKernel kernel();

    int cpus();

    /// Another one for each guest; it is in the description of what fails.
    private long seed() {
        return MUTATION_SEED + 10L * kernel().ordinal() + cpus();
    }

    @Test
    default void mutatedSymbolTableGivesAnAnswerOrOneError() throws GuestException {
        Assumptions.assumeTrue(cpus() == 1, "the tables do not depend on the number of vCPUs");
        Random random = new Random(seed());
        var outcome = guest().read(kernel -> MutatedTables.kallsyms(kernel, random, SYMBOL_ROUNDS));
        compare(outcome);
    }

    @Test
    default void mutatedTypesGiveAnAnswerOrOneError() throws GuestException {
        Assumptions.assumeTrue(cpus() == 1, "the tables do not depend on the number of vCPUs");
        Random random = new Random(seed());
        var outcome = guest().read(kernel -> {
            Snapshot.of(kernel);
            return MutatedTables.types(kernel, random, TYPE_ROUNDS);
        });
        compare(outcome);
    }

    private void compare(MutatedTables.Outcome outcome) {
        assertThat(outcome.same()).as("seed %d: %s", seed(), outcome).isPositive();
        assertThat(outcome.different()).as("seed %d: %s", seed(), outcome).isPositive();
        assertThat(outcome.refused()).as("seed %d: %s", seed(), outcome).isPositive();
        assertThat(outcome.reasons()).as("seed %d", seed()).hasSizeGreaterThan(2);
    }

    @Test
    default void mutatedMemoryGivesAnAnswerOrOneError() throws GuestException {
        Assumptions.assumeTrue(cpus() == 2, "what is read does not depend on the number of vCPUs");
        Random random = new Random(seed());
        int answers = 0;
        List<String> errors = new ArrayList<>();
        try (Machine machine = QemuMachine.attach(guest().guest().qmpSocket())) {
            List<Part> parts = parts(LinuxKernel.open(machine));
            for (int round = 0; round < WHOLE_ROUNDS; round++) {
                PatchedMachine patched = new PatchedMachine(machine);
                patched.patches().add(parts.get(round % parts.size()).patch(random));
                long start = System.nanoTime();
                try {
                    readAll(LinuxKernel.open(patched));
                    answers++;
                } catch (GuestException e) {
                    errors.add(e.getMessage());
                }
                assertThat(Duration.ofNanos(System.nanoTime() - start))
                        .as("seed %d, round %d", seed(), round)
                        .isLessThan(SOON);
            }
        }
        assertThat(answers).as("seed %d: %s", seed(), errors).isPositive();
        assertThat(errors)
                .as("seed %d", seed())
                .isNotEmpty()
                .allMatch(error -> error.lines().count() == 1 && error.contains("qemu:") && error.contains("; "));
    }

    private static void readAll(LinuxKernel kernel) throws GuestException {
        kernel.symbols();
        kernel.tasks();
        kernel.ftraceRecords();
        kernel.systemCalls();
        kernel.perCpu();
        kernel.verifyStillRunning();
    }

    /// A piece of guest-physical memory.
    record Part(long start, long sizeBytes) {
        private Patch patch(Random random) {
            byte[] noise = new byte[1 << random.nextInt(7)];
            random.nextBytes(noise);
            return new Patch(start + random.nextLong(sizeBytes / 8) * 8, noise);
        }
    }

    /// Where the readers begin: lists, page tables, types, notes; and structures that they follow.
    private static List<Part> parts(LinuxKernel kernel) throws GuestException {
        List<Part> parts = new ArrayList<>();
        for (String start : STARTS.keySet()) {
            parts.add(part(kernel, address(kernel, start), STARTS.get(start)));
        }
        List<Task> tasks = kernel.tasks();
        long link = kernel.types().struct("task_struct").offset("tasks");
        for (Task task : List.of(tasks.getFirst(), tasks.getLast())) {
            parts.add(part(kernel, task.address() + link, 16));
        }
        KernelModule module = kernel.modules().getLast();
        long symbols = kernel.types().struct("module").offset("kallsyms");
        parts.add(part(kernel, module.address(), 64));
        parts.add(part(kernel, module.address() + symbols, 8));
        return parts;
    }

    private static long address(LinuxKernel kernel, String name) {
        return kernel.coreSymbols().address(kernel.coreSymbols().find(name).orElseThrow());
    }

    private static Part part(LinuxKernel kernel, long address, long sizeBytes) throws GuestException {
        return new Part(kernel.addressSpace().physical(new VirtualAddress(address)), sizeBytes);
    }
}
