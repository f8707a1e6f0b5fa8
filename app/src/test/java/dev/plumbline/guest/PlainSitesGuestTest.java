package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.inline.InlineEngine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Indirect calls that were changed in a kernel without retpolines: taken out after a kill, left as long as a task or
/// a kprobe of the guest's own depends on what stands there.
@Tag("guest")
@Timeout(240)
class PlainSitesGuestTest {
    private static final int CALL = 0xe8;
    private static final int MOST_ATTEMPTS = 4;
    private static final String KPROBES = "cd /sys/kernel/tracing; ";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_1", "V6_12"})
    void whatStandsThereIsPutBackOnceNobodyNeedsIt(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withAppend("spectre_v2=off")
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            KernelText before = KernelText.of(guest);
            String log = guest.console();
            killed(guest);
            before.assertBack(guest);
            awaited(guest);
            before.assertBack(guest);
            probed(guest);
            before.assertBack(guest);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    private void killed(GuestUnderTest guest) throws Exception {
        Path socket = guest.guest().qmpSocket();
        long site = guest.read(kernel -> site(kernel, "vfs_read"));
        int left = 0;
        // The call is not changed where a task is just in what it called.
        for (int attempt = 0; attempt < MOST_ATTEMPTS && left != CALL; attempt++) {
            try (KilledRun run = KilledRun.startChecking(socket, directory)) {
                run.process().destroyForcibly().waitFor();
            }
            assertThat(guest.guest().execChecked("cat /proc/stat")).contains("cpu0");
            left = guest.read(kernel -> opcode(kernel, site));
            assertThat(KilledRun.cleanUp(socket, directory)).isTrue();
        }
        assertThat(left).isEqualTo(CALL);
    }

    // Sleeps in what vfs_read called through a pointer, and leaves it.
    private void awaited(GuestUnderTest guest) throws Exception {
        guest.guest().execChecked("mkfifo /tmp/fifo; sleep 100 > /tmp/fifo & cat /tmp/fifo > /dev/null & sleep 0.5");
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            try (InlineEngine engine = arm(kernel)) {
                int awaited = engine.awaitedSiteCount();
                assertThat(awaited).isPositive();
                guest.guest().execChecked("killall sleep; sleep 0.5");
                recheck(engine, () -> engine.awaitedSiteCount() < awaited);
                assertThat(engine.awaitedSiteCount()).isLessThan(awaited);
            }
        }
    }

    private void probed(GuestUnderTest guest) throws Exception {
        try (Machine machine = QemuMachine.attach(guest.guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            long site = site(kernel, "vfs_read");
            InlineEngine engine = arm(kernel);
            recheck(engine, () -> opcode(kernel, site) == CALL);
            assertThat(opcode(kernel, site)).isEqualTo(CALL);
            long offset = site - function(kernel, "vfs_read");
            String event = KPROBES + "echo 'p:mine vfs_read+%d' > kprobe_events".formatted(offset);
            try (RunningCommand running = guest.guest().start(event)) {
                while (running.running()) {
                    engine.poll(KilledRun.NOWHERE);
                }
                assertThat(running.await().status()).isZero();
            }
            assertThatThrownBy(engine::close)
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("kprobe")
                    .hasMessageContaining("0x%x".formatted(site));
            String trace = guest.guest()
                    .execChecked(KPROBES + "echo 1 > events/kprobes/mine/enable"
                            + " && cat /proc/self/stat > /dev/null && sleep 0.3 && cat /proc/self/stat > /dev/null"
                            + " && head -n 50 trace; echo 0 > events/kprobes/mine/enable; echo > kprobe_events");
            assertThat(trace).contains("mine: (vfs_read+");
            ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
            assertThat(InlineEngine.undo(kernel, journal)).isTrue();
        }
    }

    private static void recheck(InlineEngine engine, Callable<Boolean> isEnough) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!isEnough.call() && System.nanoTime() < end) {
            engine.recheck();
            Thread.sleep(100);
        }
    }

    private InlineEngine arm(LinuxKernel kernel) throws Exception {
        ProbeJournal journal = new ProbeJournal(directory, kernel.identity().bootMark());
        return InlineEngine.arm(
                kernel,
                journal,
                ProbeSites.every(kernel),
                new Recording(RecordingMode.FULL, true),
                CallGraph.of(kernel.code()).indirectSites());
    }

    private static long function(LinuxKernel kernel, String name) {
        return kernel.coreSymbols().address(kernel.coreSymbols().find(name).orElseThrow());
    }

    // The function's first indirect call.
    private static long site(LinuxKernel kernel, String function) throws GuestException {
        CallGraph graph = CallGraph.of(kernel.code());
        return graph.indirectSites(graph.functionAt(function(kernel, function))).stream()
                .filter(IndirectSite::isCall)
                .findFirst()
                .orElseThrow()
                .siteAddress();
    }

    private static int opcode(LinuxKernel kernel, long address) throws GuestException {
        byte[] bytes = new byte[1];
        kernel.addressSpace().read(new VirtualAddress(address), MemorySegment.ofArray(bytes));
        return bytes[0] & 0xff;
    }
}
