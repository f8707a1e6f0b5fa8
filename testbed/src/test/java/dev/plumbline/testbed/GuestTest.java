package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// What the testbed promises, on each kernel with two vCPUs.
@Tag("guest")
@Timeout(120)
@ParameterizedClass
@EnumSource(GuestKernel.class)
record GuestTest(GuestKernel kernel) {
    private static final String AT_LINK_ADDRESS = "ffffffff81000000 T _text\n";

    private static TestGuest guest;

    @BeforeParameterizedClassInvocation
    static void boot(GuestKernel kernel) throws GuestException {
        guest = TestGuest.boot(
                name("test"), GuestOptions.DEFAULT.withKernel(kernel).withCpus(2));
    }

    @AfterParameterizedClassInvocation
    static void takeDown() throws GuestException {
        guest.close();
    }

    private static String name(String purpose) {
        return purpose + "-" + ProcessHandle.current().pid();
    }

    @Test
    void kernelAndVcpusAreThoseAskedFor() throws GuestException {
        assertThat(guest.execChecked("uname -r")).startsWith(kernel.series() + ".");
        assertThat(guest.execChecked("nproc").strip()).isEqualTo("2");
    }

    @Test
    void modulesOfOurOwnAreBuiltForIt() throws IOException {
        ShellPromises.assertModuleOfOurOwnLoads(guest, kernel);
    }

    @Test
    void aModuleThatDoesNotCompileIsNamed() {
        Map<String, byte[]> sources = Map.of("broken.c", "int begin(void) { return missing; }\n".getBytes());
        assertThatThrownBy(() -> GuestModules.ofUser().built(kernel, sources))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("broken.c:1")
                .hasMessageContaining("missing");
    }

    @Test
    void outputsAndStatusComeThrough() throws GuestException {
        ShellPromises.assertOutputsAndStatusComeThrough(guest);
    }

    @Test
    void tenMegabytesComeThroughUnchangedBothWays() throws Exception {
        ShellPromises.assertBytesComeThroughBothWays(guest, 10 << 20);
    }

    @Test
    void fourCommandsRunAtOnceAndMoreWait() throws Exception {
        try (var threads = Executors.newFixedThreadPool(6)) {
            List<Callable<String>> commands = IntStream.range(0, 6)
                    .<Callable<String>>mapToObj(i -> () -> guest.execChecked("sleep 0.5; echo " + i))
                    .toList();
            List<Future<String>> answers = threads.invokeAll(commands);
            for (int i = 0; i < answers.size(); i++) {
                assertThat(answers.get(i).get()).isEqualTo(i + "\n");
            }
        }
    }

    @Test
    void commandInTheBackgroundIsKilledWithItsChildrenWhenClosed() throws Exception {
        try (RunningCommand running = guest.start("echo up; sleep 4321 & sleep 4321")) {
            while (!running.stdoutSoFar().equals("up\n")) {
                Thread.sleep(10);
            }
            assertThat(running.running()).isTrue();
        }
        while (guest.exec("ps -o args | grep 'sleep 432[1]'").status() == 0) {
            Thread.sleep(10);
        }
    }

    @Test
    void whatIsLeftInTheBackgroundDoesNotHoldTheCommandUp() throws GuestException {
        assertThat(guest.execChecked("sleep 60 & echo done")).isEqualTo("done\n");
        guest.execChecked("killall sleep");
    }

    @Test
    void agentsThatWereKilledComeBack() throws GuestException {
        assertThatThrownBy(() -> guest.exec("kill -KILL -1; sleep 60")).isInstanceOf(GuestException.class);
        assertThat(guest.execChecked("echo back")).isEqualTo("back\n");
    }

    @Test
    void modulesLoadWithWhatTheyNeedAndUnload() throws GuestException {
        guest.execChecked("modprobe 8021q && modprobe dummy");
        assertThat(guest.execChecked("lsmod").lines().map(line -> line.replaceAll(" +", " ")))
                .anyMatch(line -> line.startsWith("garp ") && line.endsWith(" 1 8021q"))
                .anyMatch(line -> line.startsWith("dummy "));
        guest.execChecked("rmmod 8021q dummy");
        assertThat(guest.execChecked("lsmod")).doesNotContain("8021q");
    }

    @Test
    void workloadsDoTheirWorkWithoutFailures() throws Exception {
        assertThat(guest.execChecked("syscall-loop 1000")).startsWith("1000 iterations ");
        assertThat(guest.execChecked("stress 2")).matches("[1-9]\\d* done 0 failed\n");
        try (RunningCommand many = guest.start("many-threads 3 2")) {
            while (!many.stdoutSoFar().equals("ready\n")) {
                Thread.sleep(10);
            }
            assertThat(guest.execChecked("cat /proc/[0-9]*/task/*/comm | grep ^many- | sort")
                            .lines())
                    .containsExactly("many-0", "many-0-1", "many-1", "many-1-1", "many-2", "many-2-1", "many-threads");
        }
    }

    @Test
    void stoppedGuestGivesOneErrorInTime() throws Exception {
        TestGuest impatient = guest.withLimits(new ExecLimits(Duration.ofMillis(500), Duration.ofSeconds(30)));
        signal("STOP");
        try {
            assertThatThrownBy(() -> impatient.exec("true"))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("has not answered");
        } finally {
            signal("CONT");
        }
        guest.awaitAgent(Duration.ofSeconds(30));
    }

    @Test
    void rebootComesBackAnotherTimeSlidByKaslr() throws GuestException {
        String text = "grep ' _text$' /proc/kallsyms";
        String before = guest.execChecked("touch /tmp/mark; " + text);
        guest.reboot();
        String after = guest.execChecked(text);
        assertThat(guest.execChecked("ls /tmp")).isEmpty();
        assertThat(before + after).as("at the link address twice").isNotEqualTo(AT_LINK_ADDRESS + AT_LINK_ADDRESS);
    }

    @Test
    void nameInUseIsRefusedAndTheGuestListed() throws GuestException {
        assertThatThrownBy(() -> TestGuest.boot(guest.name(), GuestOptions.DEFAULT))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("already");
        assertThat(Testbed.ofUser().list())
                .filteredOn(status -> status.name().equals(guest.name()))
                .singleElement()
                .matches(status -> status.running() && status.options().kernel() == kernel);
        assertThat(TestGuest.attach(guest.name()).execChecked("echo here")).isEqualTo("here\n");
    }

    private static void signal(String signal) throws IOException {
        HostCommand.output(Path.of("/"), 5, List.of("kill", "-" + signal, Long.toString(guest.pid())));
    }
}
