package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A guest that boots, is killed, paused or reset while it is read gives right answers or one clear error each
/// time, and never takes long over it.
@Tag("guest")
@Timeout(180)
class DisturbedGuestTest {
    private static final long SEED = 4242;
    private static final int KILLS = 4;
    private static final int RESETS = 2;
    private static final int LOOKS_WHILE_PAUSED = 15;
    private static final int LONGEST_DELAY_MILLIS = 1200;
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final Random random = new Random(SEED);

    @Test
    void killedGuestGivesOneError() throws Exception {
        for (int kill = 0; kill < KILLS; kill++) {
            GuestKernel kernel = GuestKernel.values()[kill % 2];
            try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(kernel))) {
                String slide = slide(look(guest.vm()).succeeded());
                ProcessHandle qemu = ProcessHandle.of(guest.guest().pid()).orElseThrow();
                List<CommandRun> runs = lookWhile(guest.vm(), () -> {
                    Thread.sleep(random.nextInt(LONGEST_DELAY_MILLIS));
                    qemu.destroyForcibly();
                    return qemu.onExit().get();
                });
                look(guest.vm()).failed(1);
                CommandRun.of("inspect", "qmp:" + guest.guest().qmpSocket()).failed(1);
                assertThat(slides(runs)).allMatch(slide::equals);
            }
        }
    }

    @Test
    void pausedGuestIsReadAsItIsAndStaysAsItIs() throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT.withCpus(2))) {
            String slide = slide(look(guest.vm()).succeeded());
            try (QmpClient monitor = guest.monitor();
                    ExecutorService pauser = Executors.newSingleThreadExecutor()) {
                Future<?> pausing = pauser.submit(() -> {
                    while (!Thread.currentThread().isInterrupted()) {
                        monitor.execute("stop");
                        Thread.sleep(random.nextInt(300));
                        assertThat(monitor.execute("query-status").get("status").text())
                                .isEqualTo("paused");
                        monitor.execute("cont");
                        Thread.sleep(random.nextInt(300));
                    }
                    return null;
                });
                for (int i = 0; i < LOOKS_WHILE_PAUSED; i++) {
                    assertThat(slide(look(guest.vm()).succeeded())).isEqualTo(slide);
                }
                assertThat(pausing.isDone()).isFalse();
                pausing.cancel(true);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(GuestKernel.class)
    void rebootedGuestIsReadBeforeOrAfterOrNotAtAll(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(kernel).withCpus(2))) {
            String before = slide(look(guest.vm()).succeeded());
            for (int reset = 0; reset < RESETS; reset++) {
                boolean isAbrupt = reset % 2 == 0;
                List<CommandRun> runs = lookWhile(guest.vm(), () -> {
                    Thread.sleep(random.nextInt(LONGEST_DELAY_MILLIS));
                    if (isAbrupt) {
                        resetAbruptly(guest);
                    } else {
                        guest.guest().reboot();
                    }
                    return null;
                });
                String after = slide(look(guest.vm()).succeeded());
                assertThat(after)
                        .isEqualTo("0x"
                                + Long.toHexString(guest.says().addresses("_text")[0] - SymbolsContract.LINK_BASE));
                assertThat(slides(runs)).allMatch(Set.of(before, after)::contains);
                before = after;
            }
        }
    }

    private static void resetAbruptly(GuestUnderTest guest) throws Exception {
        try (QmpClient monitor = guest.monitor()) {
            monitor.execute("system_reset");
        }
        // until the firmware runs, the old agent could still seem to answer
        Thread.sleep(500);
        guest.guest().awaitAgent(Duration.ofMinutes(1));
    }

    @ParameterizedTest
    @EnumSource(GuestKernel.class)
    void bootingGuestGivesClearErrorsUntilItGivesTheRightAnswer(GuestKernel kernel) throws Exception {
        String name = "boot-" + ProcessHandle.current().pid();
        Callable<TestGuest> boot = () ->
                TestGuest.boot(name, GuestOptions.DEFAULT.withKernel(kernel).withCpus(2));
        try (ExecutorService booter = Executors.newSingleThreadExecutor()) {
            Future<TestGuest> booting = booter.submit(boot);
            List<CommandRun> runs = new ArrayList<>();
            while (!booting.isDone()) {
                runs.add(look("qemu:" + name).succeededOrFailed());
                Thread.sleep(50);
            }
            try (TestGuest guest = booting.get()) {
                String slide = slide(look("qemu:" + name).succeeded());
                assertThat(slide)
                        .isEqualTo("0x"
                                + Long.toHexString(
                                        new GuestSays(guest).addresses("_text")[0] - SymbolsContract.LINK_BASE));
                assertThat(slides(runs)).allMatch(slide::equals);
                assertThat(runs).anyMatch(run -> run.status() == 1);
            }
        }
    }

    /// Looks at the guest over and over until the deed is done.
    private static List<CommandRun> lookWhile(String vm, Callable<?> deed) throws Exception {
        List<CommandRun> runs = new ArrayList<>();
        try (ExecutorService doer = Executors.newSingleThreadExecutor()) {
            Future<?> done = doer.submit(deed);
            while (!done.isDone()) {
                runs.add(look(vm).succeededOrFailed());
            }
            done.get();
        }
        return runs;
    }

    private static CommandRun look(String vm) {
        CommandRun run = CommandRun.of("inspect", vm, "--json");
        assertThat(run.took()).isLessThan(LIMIT);
        return run;
    }

    private static List<String> slides(List<CommandRun> runs) throws Exception {
        List<String> slides = new ArrayList<>();
        for (CommandRun run : runs) {
            if (run.status() == 0) {
                slides.add(slide(run));
            }
        }
        return slides;
    }

    /// Where the kernel lies in an answer, which must be whole.
    private static String slide(CommandRun run) throws Exception {
        JsonNode json = run.json();
        assertThat(json.path("functionCount").asInt()).isGreaterThan(40_000);
        assertThat(json.path("symbolCount").asInt()).isGreaterThan(80_000);
        assertThat(json.path("taskCount").asInt()).isGreaterThan(10);
        return json.path("kaslrSlide").asText();
    }
}
