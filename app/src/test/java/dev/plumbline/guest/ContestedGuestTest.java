package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.LauncherForTests.Command;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Others use the guest's monitor while it is traced: a second run, and somebody who pauses the guest.
@Tag("guest")
@Timeout(300)
class ContestedGuestTest {
    private static final int MOST_LOOKS = 30;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void othersAreToldAndNothingIsHarmed(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(
                        GuestOptions.DEFAULT.withKernel(version).withCpus(2));
                var loop = guest.guest().start("syscall-loop 200s")) {
            LauncherForTests launcher = new LauncherForTests(directory);
            Path flows = directory.resolve("flows");
            Command trace = launcher.start(
                    "trace", guest.vm(), "--syscall", "getppid", "--format", "jsonl", "-o", flows.toString());
            trace.awaitError("tracing");
            aSecondRunIsRefused(guest);
            aPauseBySomebodyElseIsSatOut(guest, flows);
            trace.process().destroy();
            assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(trace.errorLines()).hasSize(2).last().asString().contains("every probe is out");
            aPausedGuestIsNotBegunWith(guest, launcher);
            assertThat(CommandRun.of("detach", guest.vm()).err()).contains("nothing of ours");
            assertThat(loop.running()).isTrue();
        }
    }

    private static void aSecondRunIsRefused(GuestUnderTest guest) {
        // By its name the guest is reached through the monitor that is free.
        assertThat(CommandRun.of("inspect", guest.vm()).succeeded().out()).contains("\nprobes ");
        assertThat(CommandRun.of("detach", guest.vm()).failed(1).err()).contains("end that run first");
        assertThat(CommandRun.of("inspect", "qmp:" + guest.guest().qmpSocket())
                        .failed(1)
                        .err())
                .contains("another client");
    }

    private static void aPauseBySomebodyElseIsSatOut(GuestUnderTest guest, Path flows) throws Exception {
        try (QmpClient monitor = guest.monitor()) {
            monitor.execute("stop");
            // What the guest has told before is still to be written.
            long size = -1;
            for (int look = 0; look < MOST_LOOKS && Files.size(flows) != size; look++) {
                size = Files.size(flows);
                Thread.sleep(1000);
            }
            assertThat(Files.size(flows)).as("flows of a paused guest").isEqualTo(size);
            monitor.execute("cont");
            while (Files.size(flows) == size) {
                Thread.sleep(20);
            }
        }
    }

    private static void aPausedGuestIsNotBegunWith(GuestUnderTest guest, LauncherForTests launcher) throws Exception {
        try (QmpClient monitor = guest.monitor()) {
            monitor.execute("stop");
            try {
                for (String engine : List.of("inline", "trap")) {
                    Command trace = launcher.start(
                            "trace", guest.vm(), "--engine", engine, "--syscall", "getppid", "--for", "1s");
                    assertThat(trace.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
                    assertThat(trace.errorLines())
                            .singleElement()
                            .asString()
                            .startsWith("plumbline: " + guest.vm() + " is paused: let it run on");
                }
            } finally {
                monitor.execute("cont");
            }
        }
    }
}
