package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.qemu.BareGuest;
import dev.plumbline.machine.qemu.QmpClient;
import dev.plumbline.testbed.GuestOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Machines that can be reached but not read: without Linux, or by a user who may not, or busy with somebody else.
@Tag("guest")
@Timeout(60)
class NotLinuxGuestTest {
    private static final long LONGEST_NANOS = 20_000_000_000L;

    @TempDir
    private Path directory;

    @Test
    void machineInItsFirmwareRunsNoLinux() throws Exception {
        Path socket = directory.resolve("qmp");
        Process qemu = new ProcessBuilder(
                        "qemu-system-x86_64",
                        "-name",
                        "firmware-" + ProcessHandle.current().pid(),
                        "-nodefaults",
                        "-display",
                        "none",
                        "-m",
                        "64",
                        "-qmp",
                        "unix:" + socket + ",server=on,wait=off")
                .start();
        try {
            while (!Files.exists(socket)) {
                assertThat(qemu.isAlive()).isTrue();
                Thread.sleep(10);
            }
            for (int look = 0; look < 20; look++) {
                assertThat(CommandRun.of("inspect", "qmp:" + socket).failed(1).err())
                        .contains("no Linux kernel was found");
                Thread.sleep(20);
            }
            Path dump = directory.resolve("dump");
            try (QmpClient monitor = QmpClient.connect(socket)) {
                monitor.execute("dump-guest-memory", Map.of("paging", false, "protocol", "file:" + dump));
            }
            assertThat(CommandRun.of("inspect", "dump:" + dump).failed(1).err()).contains("64-bit mode");
        } finally {
            qemu.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void machineIn64BitModeMayRunNoLinux() throws Exception {
        try (BareGuest guest = BareGuest.start()) {
            String error = "";
            long start = System.nanoTime();
            while (!error.contains("page-fault handler") && System.nanoTime() - start < LONGEST_NANOS) {
                error = CommandRun.of("inspect", "qmp:" + guest.socket())
                        .failed(1)
                        .err();
                assertThat(error).contains("no Linux kernel was found");
            }
            assertThat(error).as("once paging is on").contains("page-fault handler");
            Path dump = directory.resolve("dump");
            try (QmpClient monitor = QmpClient.connect(guest.socket())) {
                monitor.execute("dump-guest-memory", Map.of("paging", false, "protocol", "file:" + dump));
            }
            assertThat(CommandRun.of("callgraph", "dump:" + dump).failed(1).err())
                    .contains("no Linux kernel was found", "page-fault handler");
        }
    }

    @Test
    void whoMayNotReachTheGuestIsToldSo() throws Exception {
        Assumptions.assumeTrue(Files.isReadable(Path.of("/proc/1/mem")), "only root can become somebody else");
        SeparateRun nobody = SeparateRun.of(directory).asNobody();
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT)) {
            assertThat(nobody.run("inspect", guest.vm()).failed(1).err()).contains("permission");
            openToAll(guest.directory(), guest.secondMonitor());
            assertThat(nobody.run("inspect", "qmp:" + guest.secondMonitor())
                            .failed(1)
                            .err())
                    .containsAnyOf("permission", "run as root");
            assertThat(nobody.run("vms").succeeded().out().lines())
                    .filteredOn(line -> line.startsWith(guest.vm() + " "))
                    .singleElement()
                    .asString()
                    .contains("permission");
            SeparateRun.of(Files.createDirectory(directory.resolve("root")))
                    .run("callgraph", guest.vm(), "--json")
                    .succeeded();
        }
    }

    private static void openToAll(Path... paths) throws IOException {
        for (Path path : paths) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));
        }
    }

    @Test
    void guestWhoseOnlyMonitorIsTakenIsSaidToBeInUse() throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT);
                QmpClient _ = QmpClient.connect(guest.guest().qmpSocket())) {
            String socket = "qmp:" + guest.guest().qmpSocket();
            assertThat(CommandRun.of("inspect", socket).failed(1).err()).contains("another client");
            CommandRun.of("inspect", "qmp:" + guest.secondMonitor()).succeeded();
            CommandRun.of("inspect", guest.vm()).succeeded();
        }
    }
}
