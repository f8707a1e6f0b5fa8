package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Runs that are killed at moments of arming, tracing and disarming, by their operations on the guest and by the clock:
/// the guest goes on working, and what they left can be taken out. 52 moments over all guests.
@Tag("guest")
@Timeout(900)
class KilledRunGuestTest {
    private static final long SEED = 20_261_124;

    @TempDir
    private Path journals;

    @ParameterizedTest
    @OnGuests(
            value = {"V6_12, 2, 5", "V6_1, 1, 9", "V6_1, 2, 16"},
            first = 1)
    void theGuestWorksOnAndTheNextRunCleansUp(GuestKernel version, int cpus, int killsOfAKind) throws Exception {
        Random random = new Random(SEED + cpus);
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(cpus));
                RunningCommand stress = guest.guest()
                        .withLimits(ExecLimits.DEFAULT.withTotal(Duration.ofMinutes(20)))
                        .start("stress 890 10")) {
            List<CodeRegion> before = guest.read(kernel -> kernel.code().regions());
            String log = guest.console();
            long start = System.nanoTime();
            long operations = wholeRun(guest);
            long wholeMillis = (System.nanoTime() - start) / 1_000_000;
            int left = 0;
            for (int kill = 0; kill < killsOfAKind; kill++) {
                left += killedAt(guest, 1 + random.nextLong(operations)) ? 1 : 0;
                assertWorksOn(guest, before, "operation, kill " + kill);
                left += killedAfter(guest, random.nextLong(wholeMillis)) ? 1 : 0;
                assertWorksOn(guest, before, "moment, kill " + kill);
            }
            assertThat(left).as("runs that left something").isPositive();
            assertThat(stress.running()).isTrue();
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private long wholeRun(GuestUnderTest guest) throws IOException {
        try (KilledRun run = KilledRun.start(guest.guest().qmpSocket(), journals, 0)) {
            return run.operations();
        }
    }

    private boolean killedAt(GuestUnderTest guest, long operation) throws Exception {
        try (KilledRun run = KilledRun.start(guest.guest().qmpSocket(), journals, operation)) {
            assertThat(run.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        return KilledRun.cleanUp(guest.guest().qmpSocket(), journals);
    }

    private boolean killedAfter(GuestUnderTest guest, long millis) throws Exception {
        try (KilledRun run = KilledRun.start(guest.guest().qmpSocket(), journals, 0)) {
            Thread.sleep(millis);
            run.process().destroyForcibly().waitFor();
        }
        return KilledRun.cleanUp(guest.guest().qmpSocket(), journals);
    }

    private static void assertWorksOn(GuestUnderTest guest, List<CodeRegion> before, String when)
            throws GuestException {
        assertThat(guest.guest().execChecked("echo alive").strip()).as(when).isEqualTo("alive");
        boolean isSame = guest.read(kernel -> isSame(kernel, before));
        assertThat(isSame).as(when).isTrue();
    }

    private static boolean isSame(LinuxKernel kernel, List<CodeRegion> before) throws GuestException {
        List<CodeRegion> now = kernel.code().regions();
        for (int i = 0; i < before.size(); i++) {
            if (before.get(i).bytes().mismatch(now.get(i).bytes()) != -1) {
                return false;
            }
        }
        return now.size() == before.size();
    }
}
