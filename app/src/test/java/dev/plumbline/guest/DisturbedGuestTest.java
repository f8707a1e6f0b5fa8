package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;

/// A guest that boots, is killed, paused or reset while it is read gives right answers or one clear error each
/// time, and never takes long over it.
@Tag("guest")
@Timeout(400)
class DisturbedGuestTest {
    private static final long SEED = 4242;
    private static final int KILLS = 4;
    private static final int RESETS = 2;
    private static final int LOOKS_WHILE_PAUSED = 8;
    private static final int LONGEST_DELAY_MILLIS = 1200;

    private final Random random = new Random(SEED);

    @Test
    void killedGuestGivesOneError() throws Exception {
        List<String> errors = new ArrayList<>();
        for (int kill = 0; kill < KILLS; kill++) {
            GuestKernel kernel = GuestKernel.values()[kill % 2];
            GuestOptions options = GuestOptions.DEFAULT.withKernel(kernel).withCpus(1 + kill / 2 % 2);
            try (GuestUnderTest guest = GuestUnderTest.boot(options)) {
                Answers answers = Answers.of(guest.vm());
                ProcessHandle qemu = ProcessHandle.of(guest.guest().pid()).orElseThrow();
                List<CommandRun> runs = lookWhile(guest.vm(), () -> {
                    Thread.sleep(random.nextInt(LONGEST_DELAY_MILLIS));
                    qemu.destroyForcibly();
                    return qemu.onExit().get();
                });
                Answers.look(guest.vm(), kill).failed(1);
                CommandRun.of("inspect", "qmp:" + guest.guest().qmpSocket()).failed(1);
                for (CommandRun run : succeeded(runs)) {
                    answers.compare(run);
                }
                runs.stream()
                        .filter(run -> run.status() != 0)
                        .map(CommandRun::err)
                        .forEach(errors::add);
            }
        }
        assertThat(errors)
                .as("errors of who was reading when the guest was killed")
                .isNotEmpty();
    }

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void pausedGuestIsReadAsItIsAndStaysAsItIs(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(kernel).withCpus(2 - kernel.ordinal()))) {
            Answers answers = Answers.of(guest.vm());
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
                for (int look = 0; look < LOOKS_WHILE_PAUSED; look++) {
                    answers.compare(Answers.look(guest.vm(), look).succeeded());
                }
                assertThat(pausing.isDone()).isFalse();
                pausing.cancel(true);
            }
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void rebootedGuestIsReadBeforeOrAfterOrNotAtAll(GuestKernel kernel) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(kernel).withCpus(2))) {
            Answers before = Answers.of(guest.vm());
            for (int reset = 0; reset < RESETS; reset++) {
                boolean isAbrupt = reset % 2 == 0;
                List<CommandRun> runs = inspectWhile(guest.vm(), () -> {
                    Thread.sleep(random.nextInt(LONGEST_DELAY_MILLIS));
                    if (isAbrupt) {
                        resetAbruptly(guest);
                    } else {
                        guest.guest().reboot();
                    }
                    return null;
                });
                Answers after = Answers.of(guest.vm());
                assertThat(after.slide()).isEqualTo(slide(guest.says()));
                for (CommandRun run : succeeded(runs)) {
                    if (before.isOfThisBoot(run)) {
                        before.compare(run);
                    } else {
                        after.compareBooted(run);
                    }
                }
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
    @OnGuests({"V6_12", "V6_1"})
    void bootingGuestGivesClearErrorsUntilItGivesTheRightAnswer(GuestKernel kernel) throws Exception {
        String name = "boot-" + ProcessHandle.current().pid();
        Callable<TestGuest> boot = () ->
                TestGuest.boot(name, GuestOptions.DEFAULT.withKernel(kernel).withCpus(2));
        try (ExecutorService booter = Executors.newSingleThreadExecutor()) {
            Future<TestGuest> booting = booter.submit(boot);
            List<CommandRun> runs = new ArrayList<>();
            while (!booting.isDone()) {
                runs.add(Answers.look("qemu:" + name, 0).succeededOrFailed());
                Thread.sleep(50);
            }
            try (TestGuest guest = booting.get()) {
                Answers answers = Answers.of("qemu:" + name);
                assertThat(answers.slide()).isEqualTo(slide(new GuestSays(guest)));
                for (CommandRun run : succeeded(runs)) {
                    answers.compareBooted(run);
                }
                assertThat(runs)
                        .filteredOn(run -> run.status() == 1)
                        .extracting(CommandRun::err)
                        .as("what was said before the answer")
                        .anyMatch(error ->
                                error.contains("no Linux kernel was found") || error.contains("still booting"));
            }
        }
    }

    /// Inspects the guest over and over until the deed is done.
    private static List<CommandRun> inspectWhile(String vm, Callable<?> deed) throws Exception {
        return lookWhile(vm, 2, deed);
    }

    /// Looks at the guest in one way and another over and over until the deed is done.
    private static List<CommandRun> lookWhile(String vm, Callable<?> deed) throws Exception {
        return lookWhile(vm, 1, deed);
    }

    private static List<CommandRun> lookWhile(String vm, int step, Callable<?> deed) throws Exception {
        List<CommandRun> runs = new ArrayList<>();
        try (ExecutorService doer = Executors.newSingleThreadExecutor()) {
            Future<?> done = doer.submit(deed);
            for (int look = 0; !done.isDone(); look += step) {
                runs.add(Answers.look(vm, look).succeededOrFailed());
            }
            done.get();
        }
        return runs;
    }

    private static List<CommandRun> succeeded(List<CommandRun> runs) {
        return runs.stream().filter(run -> run.status() == 0).toList();
    }

    private static String slide(GuestSays says) throws Exception {
        return "0x" + Long.toHexString(says.addresses("_text")[0] - SymbolsContract.LINK_BASE);
    }
}
