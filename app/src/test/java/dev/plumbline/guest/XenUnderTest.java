package dev.plumbline.guest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import dev.plumbline.testbed.XenOptions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// A Xen host with Plumbline in its dom0, as `scripts/dom0` makes it, and domains to look into.
///
/// @param host the host
/// @param domains by their names
record XenUnderTest(XenHost host, Map<String, DomainUnderTest> domains) implements AutoCloseable {
    private static final Path DISTRIBUTION = Path.of("..", "target", "plumbline-dom0");
    /// Under QEMU's emulation the second compiler's work takes longer than any of these runs.
    static final String PROGRAM = "PLUMBLINE_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 /opt/plumbline";

    /// Java in dom0, with Plumbline and what [#bring] has brought.
    static final String JAVA =
            "env LD_LIBRARY_PATH=/opt/lib /opt/java/bin/java @/opt/java.options -XX:TieredStopAtLevel=1 -Xmx768m"
                    + " -XX:AOTCache=/opt/lib/plumbline.aot -Dplumbline.launcher=/opt/plumbline"
                    + " -Dorg.sqlite.lib.path=/opt/lib"
                    + " -cp /opt/lib/plumbline.jar:/tmp/commands";

    /// The same in a process that has run others before.
    private static final String WARM = "/tmp/commands/plumbline";

    /// Prints which processes in dom0 are there to clean up after runs.
    static final String GUARDS = "grep -ls -- '[-]-after-kill' /proc/[0-9]*/cmdline";

    /// Prints which journals have something in them.
    private static final String JOURNALS =
            "find /var/lib/plumbline /run/plumbline -name 'journal-*'" + " -o -name 'breakpoints-*' -size +0 || true";

    /// Learning and monitoring take as much as they are allowed to by the launcher.
    private static final int DOM0_MIB = 1280;

    private static final int HOST_MIB = 2304;

    static XenUnderTest boot() throws IOException {
        XenHost host = XenHost.boot(
                "xen-it-" + ProcessHandle.current().pid(),
                XenOptions.DEFAULT
                        .withMemoryMib(HOST_MIB, DOM0_MIB)
                        .withContent(distribution())
                        .withBreakpoints(true));
        // Else dom0 waits for its share of the processors while the domains are busy.
        host.dom0()
                .execChecked("xl sched-credit2 -d Domain-0 -w 4096; mkdir /tmp/commands; touch /tmp/commands/process");
        XenUnderTest xen = new XenUnderTest(host, new ConcurrentHashMap<>());
        xen.bring(CommandsInDom0.class);
        byte[] program = CommandsInDom0.HANDS_ON
                .formatted(JAVA, CommandsInDom0.class.getName())
                .getBytes(UTF_8);
        xen.put(WARM, program);
        host.dom0().execChecked("chmod +x " + WARM);
        return xen;
    }

    /// Puts a class of the tests into dom0.
    void bring(Class<?> type) throws IOException {
        String file = "/" + type.getName().replace('.', '/') + ".class";
        try (InputStream bytes = type.getResourceAsStream(file)) {
            put("/tmp/commands" + file, bytes.readAllBytes());
        }
    }

    /// What is brought to dom0.
    private static Path distribution() throws IOException {
        assertThat(DISTRIBUTION.resolve("made")).as("what scripts/dom0 makes").isRegularFile();
        return DISTRIBUTION.toRealPath();
    }

    /// Starts a domain.
    DomainUnderTest start(String name, GuestKernel kernel, int cpus) throws IOException {
        return start(name, DomainOptions.DEFAULT.withKernel(kernel).withCpus(cpus));
    }

    /// The same.
    DomainUnderTest start(String name, DomainOptions options) throws IOException {
        XenDomain domain = host.start(name, options);
        DomainUnderTest started = new DomainUnderTest(domain, options.kernel(), options.cpus(), new GuestSays(domain));
        domains.put(name, started);
        return started;
    }

    /// Runs Plumbline in dom0 to its end, in a process that other commands run in as well.
    CommandRun run(String... arguments) throws IOException {
        return run(WARM, arguments);
    }

    /// Runs Plumbline in dom0 to its end, as its user would.
    CommandRun launch(String... arguments) throws IOException {
        return run(PROGRAM, arguments);
    }

    private CommandRun run(String program, String... arguments) throws IOException {
        long start = System.nanoTime();
        ExecResult result = host.dom0().exec(program + " " + String.join(" ", arguments));
        return ended(List.of(arguments), result, start);
    }

    static CommandRun ended(List<String> arguments, ExecResult result, long startNanos) {
        return new CommandRun(
                arguments,
                result.status(),
                result.stdoutText(),
                result.stderrText(),
                Duration.ofNanos(System.nanoTime() - startNanos));
    }

    /// Starts Plumbline in dom0, in a process that other commands run in as well, one after the other.
    Dom0Command start(String... arguments) throws IOException {
        return Dom0Command.start(host.dom0(), WARM, arguments);
    }

    /// Starts Plumbline in dom0, as its user would.
    Dom0Command startLaunched(String... arguments) throws IOException {
        return Dom0Command.start(host.dom0(), PROGRAM, arguments);
    }

    /// Waits until a run writes down what it is about to change in a domain.
    void awaitJournal(Dom0Command run) throws IOException, InterruptedException {
        while (host.dom0().execChecked(JOURNALS).isEmpty()) {
            assertThat(run.running().running()).as(run.running().stderrSoFar()).isTrue();
            Thread.sleep(20);
        }
    }

    /// Kills the process that commands run in, whatever it does just now.
    ///
    /// @param guards whether who is there to clean up is killed first
    void kill(boolean guards) throws IOException {
        String all = guards ? "$(" + GUARDS + " | cut -d / -f 3) " : "";
        host.dom0().execChecked("kill -9 " + all + "$(cat /tmp/commands/process)");
    }

    /// Waits until nobody is left to clean up after a run.
    void awaitGuards() throws IOException {
        // A process that ends while it is looked at is an error for grep, whatever it has found.
        host.dom0().execChecked("while [ -n \"$(" + GUARDS + ")\" ]; do usleep 50000; done");
    }

    /// Puts a file into dom0.
    void put(String path, byte[] bytes) throws IOException {
        ExecResult put = host.dom0().exec("mkdir -p $(dirname %s); cat > %s".formatted(path, path), bytes);
        assertThat(put.status()).isZero();
    }

    @Override
    public void close() throws IOException {
        host.close();
    }
}
