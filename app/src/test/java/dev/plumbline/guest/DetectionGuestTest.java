package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What is normal is learnt in one boot; in the next one the same is done, then what an administrator does, then what
/// an
/// attacker does. Each attack takes effect when its module is loaded, and leaves the kernel as it was when it has gone.
@Tag("guest")
@Timeout(1200)
class DetectionGuestTest {
    private static final int LEARNING_SECONDS = 20;
    /// Functions of a module that has come get probes within a second.
    private static final long JOINING_MILLIS = 1200;

    private static final List<String> ADMINISTRATION = List.of(
            "modprobe dummy && sleep 1 && rmmod dummy",
            "cd /sys/kernel/tracing && echo function > current_tracer && sleep 0.5 && echo nop > current_tracer",
            "cd /sys/kernel/tracing && echo 'p:seen vfs_read' > kprobe_events && echo 1 > events/kprobes/seen/enable"
                    + " && ls / > /dev/null && echo 0 > events/kprobes/seen/enable && echo > kprobe_events",
            "cd /sys/kernel/tracing/events/sched/sched_wakeup && echo 1 > enable && sleep 0.2 && echo 0 > enable",
            "cd /sys/kernel/debug/sched && echo full > preempt && sleep 0.5 && echo voluntary > preempt",
            "cd /sys/devices/system/cpu/cpu1 && echo 0 > online && sleep 0.5 && echo 1 > online");

    private static final DetectionTable TABLE = new DetectionTable();

    @TempDir
    private Path directory;

    @BeforeAll
    static void forget() throws IOException {
        TABLE.forget();
    }

    @AfterAll
    static void write() throws IOException {
        TABLE.write();
    }

    @ParameterizedTest
    @EnumSource
    void attacksAreReportedAndAdministrationIsNot(GuestKernel version) throws Exception {
        GuestOptions options =
                GuestOptions.DEFAULT.withKernel(version).withCpus(2).withExtraQemuArguments(GuestUnderTest.ONE_THREAD);
        Model model;
        try (GuestUnderTest guest = GuestUnderTest.boot(options)) {
            model = learn(guest);
        }
        try (GuestUnderTest guest = GuestUnderTest.boot(options)) {
            TestModules modules = AttackModule.built(guest.guest(), version);
            // The kernel switches static keys when some of it is used for the first time.
            AttackModule.FTRACE_HOOK.load(modules);
            AttackModule.FTRACE_HOOK.unload(modules);
            work(guest);
            for (String command : ADMINISTRATION) {
                run(guest, command);
            }
            KernelText before = KernelText.of(guest);
            try (MonitoredGuest monitored = MonitoredGuest.start(guest, model, directory)) {
                assertThat(above(monitored.during(() -> work(guest))))
                        .as("learnt work")
                        .isEmpty();
                for (String command : ADMINISTRATION) {
                    assertThat(above(monitored.during(() -> run(guest, command))))
                            .as(command)
                            .isEmpty();
                }
                attacksAreReported(guest, version, monitored, modules);
            }
            if (OnGuests.ALL) {
                try (MonitoredGuest monitored = MonitoredGuest.startInFull(guest, model, directory)) {
                    attacksAreReported(guest, version, monitored, modules);
                }
            }
            before.assertBack(guest);
            assertThat(guest.console()).doesNotContain("BUG:", "WARNING:", "Oops");
        }
    }

    private static void attacksAreReported(
            GuestUnderTest guest, GuestKernel version, MonitoredGuest monitored, TestModules modules) throws Exception {
        for (AttackModule attack : AttackModule.values()) {
            List<Alert> alerts = monitored.during(() -> attack(guest, monitored, modules, attack));
            assertThat(above(alerts))
                    .as(
                            "alerts of %s among %s",
                            attack, alerts.stream().map(Alert::title).toList())
                    .anyMatch(alert -> alert.severity().compareTo(Severity.HIGH) >= 0 && names(alert, attack));
            TABLE.add(attack, version, alerts);
        }
    }

    private Model learn(GuestUnderTest guest) throws Exception {
        work(guest);
        Path file = directory.resolve("model");
        new LauncherForTests(directory).learn(guest.vm(), file, LEARNING_SECONDS + "s", () -> work(guest));
        return ModelFile.read(file);
    }

    private static void work(GuestUnderTest guest) throws IOException {
        for (AttackModule attack : AttackModule.values()) {
            assertThat(guest.guest().execChecked(attack.trigger())).contains(attack.withoutIt());
        }
        guest.guest().execChecked("lsmod");
        guest.guest().execChecked("syscall-loop 200");
    }

    private static void run(GuestUnderTest guest, String command) throws Exception {
        ExecResult result = guest.guest().exec(command);
        assertThat(result.status()).as(command + ": " + result.stderrText()).isZero();
        Thread.sleep(JOINING_MILLIS);
    }

    private static void attack(GuestUnderTest guest, MonitoredGuest monitored, TestModules modules, AttackModule attack)
            throws Exception {
        if (attack.isHidden()) {
            // What stands where a module was is taken for that module's for a while.
            Thread.sleep(JOINING_MILLIS);
        }
        attack.load(modules);
        awaitModule(monitored, attack, true);
        String hooked = guest.guest().execChecked(attack.trigger());
        if (!attack.withoutIt().isEmpty()) {
            assertThat(hooked).as("what is seen of %s", attack).doesNotContain(attack.withoutIt());
        }
        assertThat(attack.hits(guest.guest())).as("hits of %s", attack).isPositive();
        assertThat(guest.guest().execChecked("lsmod").contains(attack.module())).isNotEqualTo(attack.isHidden());
        Thread.sleep(JOINING_MILLIS);
        attack.unload(modules);
        awaitModule(monitored, attack, false);
    }

    private static void awaitModule(MonitoredGuest monitored, AttackModule attack, boolean isThere)
            throws InterruptedException {
        if (attack.isHidden()) {
            Thread.sleep(JOINING_MILLIS);
        } else {
            monitored.await(attack.module(), isThere);
        }
    }

    private static List<Alert> above(List<Alert> alerts) {
        return alerts.stream()
                .filter(alert -> alert.severity().compareTo(Severity.LOW) > 0)
                .toList();
    }

    static boolean names(Alert alert, AttackModule attack) {
        return attack.hooked().stream()
                .anyMatch(function -> alert.function().contains(function)
                        || alert.title().contains(function)
                        || alert.evidence().toString().contains(function));
    }
}
