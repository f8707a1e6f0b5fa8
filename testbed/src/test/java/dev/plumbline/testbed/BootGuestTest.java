package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Guests that differ from the default, that do not boot, or that lose what watches over them.
@Tag("guest")
@Timeout(120)
class BootGuestTest {
    private static final String NAME = "boot-" + ProcessHandle.current().pid();

    @Test
    void guestThatIsKilledIsGoneWithAllItHad() throws Exception {
        try (TestGuest victim = TestGuest.boot(NAME, GuestOptions.DEFAULT);
                RunningCommand running = victim.start("sleep 60")) {
            ProcessHandle.of(victim.pid()).orElseThrow().destroyForcibly();
            assertThatThrownBy(running::await)
                    .isInstanceOf(GuestGoneException.class)
                    .hasMessageContaining("is gone");
            assertThatThrownBy(() -> victim.exec("true")).isInstanceOf(GuestGoneException.class);
            assertThatThrownBy(victim::pid).isInstanceOf(GuestGoneException.class);
        }
        assertNothingIsLeft();
    }

    @Test
    void kernelThatPanicsIsReportedAndLeavesNothing() throws IOException {
        assertThatThrownBy(() -> TestGuest.boot(NAME, GuestOptions.DEFAULT.withAppend("rdinit=/none root=none")))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("Kernel panic");
        assertNothingIsLeft();
    }

    /// The message that QEMU's fault leaves comes from the guest itself here, which then panics of its own accord.
    @Test
    void bootThatQemuSpoiltIsBegunAnew() throws Exception {
        try (TestGuest guest = TestGuest.boot(NAME, GuestOptions.DEFAULT)) {
            long before = guest.pid();
            RunningCommand end = guest.start("touch /tmp/mark; "
                    + "echo '<0>Oops: int3: 0000 [#1] PREEMPT SMP' >/dev/kmsg; echo c >/proc/sysrq-trigger");
            GuestDirectory directory = new GuestDirectory(guest.consoleLog().getParent());
            while (!directory.ranStaleCode()) {
                Thread.sleep(10);
            }
            guest.awaitBoot(Duration.ofMinutes(1));
            end.close();
            assertThat(guest.pid()).isNotEqualTo(before);
            assertThat(guest.execChecked("ls /tmp")).isEmpty();
        }
        assertNothingIsLeft();
    }

    @Test
    void qemuThatRefusesIsReportedAndLeavesNothing() throws IOException {
        assertThatThrownBy(() -> TestGuest.boot(NAME, GuestOptions.DEFAULT.withCpuModel("no-such-model")))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("no-such-model");
        assertNothingIsLeft();
    }

    @Test
    void cpuModelsGiveFiveLevelsAndPageTableIsolation() throws GuestException {
        try (TestGuest guest = TestGuest.boot(NAME, GuestOptions.DEFAULT.withCpuModel("max"))) {
            assertThat(guest.execChecked("cat /proc/cpuinfo")).contains(" la57");
        }
        try (TestGuest guest = TestGuest.boot(NAME, GuestOptions.DEFAULT.withCpuModel("Skylake-Client"))) {
            assertThat(guest.execChecked("cat /sys/devices/system/cpu/vulnerabilities/meltdown"))
                    .contains("PTI");
        }
    }

    @Test
    void guestOfKilledProcessIsTakenDown() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process owner = new ProcessBuilder(
                        java, "-cp", System.getProperty("java.class.path"), Owner.class.getName(), NAME)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertThat(owner.inputReader().readLine()).isEqualTo("up");
        owner.destroyForcibly();
        long start = System.nanoTime();
        while (Testbed.ofUser().list().stream().anyMatch(guest -> guest.name().equals(NAME))) {
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(10));
            Thread.sleep(10);
        }
        assertNothingIsLeft();
    }

    /// A process that boots a guest and never closes it.
    static final class Owner {
        private Owner() {}

        public static void main(String[] arguments) throws Exception {
            TestGuest guest = TestGuest.boot(arguments[0], GuestOptions.DEFAULT);
            System.out.println(guest.execChecked("echo up").strip());
            Thread.sleep(60_000);
        }
    }

    private static void assertNothingIsLeft() throws IOException {
        assertThat(Testbed.ofUser().list()).noneMatch(guest -> guest.name().equals(NAME));
        assertThat(ProcessHandle.allProcesses()
                        .map(process -> process.info().commandLine().orElse("")))
                .noneMatch(line -> line.contains("-name " + NAME + " "));
    }
}
