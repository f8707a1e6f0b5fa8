package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import dev.plumbline.testbed.XenOptions;
import java.io.IOException;
import java.nio.file.Files;
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

    /// Learning and monitoring take as much as they are allowed to by the launcher.
    private static final int DOM0_MIB = 1280;

    private static final int HOST_MIB = 2304;

    static XenUnderTest boot() throws IOException {
        XenHost host = XenHost.boot(
                "xen-it-" + ProcessHandle.current().pid(),
                XenOptions.DEFAULT.withMemoryMib(HOST_MIB, DOM0_MIB).withContent(distribution()));
        return new XenUnderTest(host, new ConcurrentHashMap<>());
    }

    /// What is brought to dom0.
    static Path distribution() throws IOException {
        assertThat(DISTRIBUTION.resolve("made")).as("what scripts/dom0 makes").isRegularFile();
        return DISTRIBUTION.toRealPath();
    }

    /// Starts a domain.
    DomainUnderTest start(String name, GuestKernel kernel, int cpus) throws IOException {
        XenDomain domain =
                host.start(name, DomainOptions.DEFAULT.withKernel(kernel).withCpus(cpus));
        DomainUnderTest started = new DomainUnderTest(domain, kernel, cpus, new GuestSays(domain));
        domains.put(name, started);
        return started;
    }

    /// Runs Plumbline in dom0 to its end.
    CommandRun run(String... arguments) throws IOException {
        long start = System.nanoTime();
        ExecResult result = host.dom0().exec(PROGRAM + " " + String.join(" ", arguments));
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

    /// Starts Plumbline in dom0.
    Dom0Command start(String... arguments) throws IOException {
        return Dom0Command.start(host.dom0(), PROGRAM, arguments);
    }

    /// Puts a file into dom0.
    void put(String path, Path file) throws IOException {
        assertThat(host.dom0().exec("cat > " + path, Files.readAllBytes(file)).status())
                .isZero();
    }

    @Override
    public void close() throws IOException {
        host.close();
    }
}
