package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What the testbed promises of Xen: one host, with a domain of each kernel.
@Tag("guest")
@Timeout(600)
class XenHostGuestTest {
    private static final String NAME = "xen-" + ProcessHandle.current().pid();

    private static XenHost host;
    private static XenDomain older;
    private static XenDomain newer;

    @BeforeAll
    static void boot(@TempDir Path content) throws Exception {
        Files.writeString(content.resolve("brought"), "along\n");
        host = XenHost.boot(NAME, XenOptions.DEFAULT.withContent(content));
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<XenDomain> first = threads.submit(() -> host.start("older", DomainOptions.DEFAULT));
            Future<XenDomain> second = threads.submit(() -> host.start(
                    "newer", DomainOptions.DEFAULT.withKernel(GuestKernel.V6_12).withCpus(2)));
            older = first.get();
            newer = second.get();
        }
    }

    @AfterAll
    static void endWithNothingLeft() throws IOException {
        if (host != null) {
            host.close();
        }
        assertThat(Testbed.ofUser().list()).noneMatch(guest -> guest.name().equals(NAME));
        assertThat(ProcessHandle.allProcesses()
                        .map(process -> process.info().commandLine().orElse("")))
                .noneMatch(line -> line.contains("-name " + NAME + " "));
    }

    @Test
    void dom0RunsOnXenAndHasWhatTheTestBrought() throws GuestException {
        assertThat(host.dom0().execChecked("xl info xen_version")).startsWith("4.17.");
        assertThat(host.dom0().execChecked("cat /opt/brought")).isEqualTo("along\n");
        assertThat(host.dom0().execChecked("xl list")).contains("Domain-0", "older", "newer");
    }

    @Test
    void domainsRunTheirKernelsOnTheirVcpus() throws GuestException {
        assertThat(older.execChecked("cat /proc/version")).startsWith("Linux version 6.1.");
        assertThat(older.execChecked("nproc")).isEqualTo("1\n");
        assertThat(newer.execChecked("cat /proc/version")).startsWith("Linux version 6.12.");
        assertThat(newer.execChecked("nproc")).isEqualTo("2\n");
        assertThat(newer.execChecked("dmesg")).contains("Xen PVH");
    }

    @Test
    void domainsAreSlidByKaslr() throws GuestException {
        String text = "grep ' _text$' /proc/kallsyms";
        assertThat(older.execChecked(text) + newer.execChecked(text))
                .as("at the link address twice")
                .isNotEqualTo("ffffffff81000000 T _text\n".repeat(2));
    }

    @Test
    void outputsInputAndStatusComeThrough() throws Exception {
        ShellPromises.assertOutputsAndStatusComeThrough(older);
        ShellPromises.assertBytesComeThroughBothWays(newer, 1 << 20);
    }

    @Test
    void modulesOfOurOwnLoadInADomain() throws IOException {
        ShellPromises.assertModuleOfOurOwnLoads(newer, GuestKernel.V6_12);
        assertThat(newer.execChecked("syscall-loop 10")).startsWith("10 iterations ");
    }

    @Test
    void commandInTheBackgroundIsKilledWhenClosed() throws Exception {
        try (RunningCommand running = older.start("echo up; sleep 4321");
                RunningCommand other = host.dom0().start("echo up; sleep 4322")) {
            while (!running.stdoutSoFar().equals("up\n") || !other.stdoutSoFar().equals("up\n")) {
                Thread.sleep(10);
            }
            assertThat(host.dom0().execChecked("kill -9 $(pidof sleep)")).isEmpty();
            assertThat(other.await().status()).isEqualTo(137);
        }
        while (older.exec("ps -o args | grep 'sleep 432[1]'").status() == 0) {
            Thread.sleep(10);
        }
    }

    @Test
    void pausedDomainGivesOneErrorInTime() throws GuestException {
        XenDomain impatient = newer.withLimits(new ExecLimits(Duration.ofSeconds(1), Duration.ofSeconds(30)));
        host.dom0().execChecked("xl pause newer");
        try {
            assertThatThrownBy(() -> impatient.exec("true"))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("domain newer");
        } finally {
            host.dom0().execChecked("xl unpause newer");
        }
        assertThat(newer.execChecked("echo on")).isEqualTo("on\n");
    }

    @Test
    void destroyedDomainIsGone() throws GuestException {
        try (XenDomain victim = host.start("victim", DomainOptions.DEFAULT.withMemoryMib(192))) {
            RunningCommand running = victim.start("sleep 60");
            host.dom0().execChecked("xl destroy victim");
            assertThatThrownBy(running::await)
                    .isInstanceOf(GuestGoneException.class)
                    .hasMessageContaining("domain victim is gone");
            assertThatThrownBy(() -> victim.exec("true")).isInstanceOf(GuestGoneException.class);
        }
    }

    @Test
    void domainThatCannotBeBuiltIsReported() {
        assertThatThrownBy(() -> host.start("older", DomainOptions.DEFAULT))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("cannot start domain older");
        assertThatThrownBy(() -> host.start("a name", DomainOptions.DEFAULT))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("cannot name a domain");
    }
}
