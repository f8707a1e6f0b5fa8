package dev.plumbline.guest;

import static java.util.function.Predicate.not;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.guest.GuestSays.Symbol;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;

/// A guest whose vCPUs are all busy making and ending processes and loading and unloading a module gives right answers,
/// or now and then one clear error.
@Tag("guest")
@Timeout(180)
class BusyGuestTest {
    private static final int LOOKS = 12;
    private static final int FEWEST_ANSWERS = LOOKS - 3;
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String LOADING = "while :; do modprobe dummy; rmmod dummy; done";

    private final Set<String> answered = new HashSet<>();

    @ParameterizedTest
    @OnGuests({"V6_12, 2", "V6_1, 1", "V6_1, 2", "V6_12, 1"})
    void guestUnderLoadGivesRightAnswers(GuestKernel kernel, int cpus) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(kernel).withCpus(cpus));
                RunningCommand _ = guest.startUntilReady("many-threads 10 5")) {
            List<Symbol> symbols = guest.says().symbols();
            List<GuestSays.Task> tasks = guest.says().tasks().values().stream()
                    .filter(task -> task.comm().startsWith("many-"))
                    .toList();
            int answers = 0;
            try (RunningCommand stress = guest.guest().start("stress 3600");
                    RunningCommand loading = guest.guest().start(LOADING)) {
                for (int look = 0; look < LOOKS; look++) {
                    boolean isWhole = look % 2 == 0 || isRead(guest, symbols, tasks);
                    answers += isInspected(guest, symbols.size()) && isWhole ? 1 : 0;
                }
                assertThat(stress.running() && loading.running()).isTrue();
            }
            assertThat(answers).as("answers; errors were %s", answered).isGreaterThanOrEqualTo(FEWEST_ANSWERS);
        }
    }

    private boolean isInspected(GuestUnderTest guest, int leastSymbols) throws Exception {
        CommandRun run = CommandRun.of("inspect", guest.vm(), "--json").succeededOrFailed();
        assertThat(run.took()).isLessThan(LIMIT);
        if (run.status() != 0) {
            answered.add(run.err());
            return false;
        }
        JsonNode json = run.json();
        assertThat(json.path("symbolCount").asInt()).isBetween(leastSymbols, leastSymbols + 100);
        assertThat(json.path("taskCount").asInt()).isGreaterThan(50);
        return true;
    }

    /// What does not change must be read as it is; what comes and goes is there or not.
    private boolean isRead(GuestUnderTest guest, List<Symbol> symbols, List<GuestSays.Task> tasks) {
        try {
            Snapshot snapshot = guest.read(Snapshot::of);
            assertThat(Differences.between(
                            symbols,
                            snapshot.symbols().stream()
                                    .filter(not(symbol -> "dummy".equals(symbol.module())))
                                    .toList()))
                    .isEmpty();
            assertThat(snapshot.tasks().stream().map(task -> new GuestSays.Task(task.pid(), task.tgid(), task.comm())))
                    .containsAll(tasks)
                    .hasSizeGreaterThan(tasks.size());
            assertThat(snapshot.tasks()).extracting(Task::pid).doesNotHaveDuplicates();
            return true;
        } catch (GuestException e) {
            assertThat(e.getMessage()).doesNotContain("\n").isNotBlank();
            answered.add(e.getMessage());
            return false;
        }
    }
}
