package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import dev.plumbline.x86.InstructionDecoder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// A guest that traces itself while it is traced from outside: neither notices the other but by what Plumbline says.
@Tag("guest")
@Timeout(600)
class GuestTracingGuestTest {
    private static final long SEED = 20_260_301;
    private static final int KILLS = 3;
    private static final String TRACING = "cd /sys/kernel/tracing; ";
    private static final String TAKEN_BACK = " 0 functions are left";
    private static final String LEFT = " 1 functions are left";
    private static final int NOP_BYTES = 5;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_1, 2", "V6_12, 1", "V6_12, 2"})
    void theGuestsOwnTracersAndProbesShareTheKernel(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(cpus)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            KernelText before = KernelText.of(guest);
            TestGuest patient = guest.guest().withLimits(new ExecLimits(Duration.ofMinutes(4), Duration.ofMinutes(4)));
            GuestPatches patches = GuestPatches.of(patient, version);
            patches.livepatch();
            patches.unlivepatch();
            String log = guest.console();
            int offset = guest.read(GuestTracingGuestTest::secondInstructionOfVfsRead);
            try (RunningCommand stress = patient.start("stress 20");
                    TraceProcess trace = TraceProcess.start(guest, directory, "getppid", "nobody")) {
                long told = trace.said(TAKEN_BACK);
                for (int round = 0; round < 3; round++) {
                    assertThat(traced(patient, "function", "vfs_*")).contains("vfs_read <-");
                }
                told = awaitTakenBack(trace, told);
                assertThat(traced(patient, "function", "")).contains("<-");
                assertThat(traced(patient, "function_graph", "vfs_*")).contains("vfs_read");
                told = awaitTakenBack(trace, told);
                assertThat(probed(patient, "p:mine vfs_read")).contains("mine: (vfs_read+");
                assertThat(probed(patient, "r:mine vfs_read")).contains("mine: (");
                assertThat(probed(patient, "p:mine vfs_read+" + offset)).contains("mine: (vfs_read+");
                patient.execChecked(TRACING + "for on in 1 0 1 0; do echo $on > events/sched/sched_switch/enable;"
                        + " echo $on > /proc/sys/kernel/sched_schedstats; done");
                told = awaitTakenBack(trace, told);
                long left = trace.said(LEFT);
                patches.livepatch();
                trace.await(LEFT, left + 1);
                patches.countWithBpf();
                patches.unlivepatch();
                patches.countWithBpf();
                awaitTakenBack(trace, told);
                List<String> said = trace.end();
                assertThat(said.getFirst()).endsWith("probes are set; tracing");
                assertThat(stress.await().status())
                        .as("the workload's own count of failures")
                        .isZero();
            }
            before.assertBack(guest);
            assertThat(traced(patient, "function", "vfs_*")).contains("vfs_read <-");
            before.assertBack(guest);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void aTraceKilledWhileTheGuestSwitchesItsTracerIsTakenOut(GuestKernel version) throws Exception {
        Random random = new Random(SEED);
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(2)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            KernelText before = KernelText.of(guest);
            String log = guest.console();
            TestGuest patient = guest.guest().withLimits(new ExecLimits(Duration.ofMinutes(8), Duration.ofMinutes(8)));
            guest.guest().execChecked(TRACING + "echo 'vfs_*' > set_ftrace_filter");
            for (int kill = 0; kill < KILLS; kill++) {
                try (RunningCommand switching = patient.start(TRACING
                                + "until [ -e /tmp/enough ]; do echo function > current_tracer && echo on;"
                                + " echo nop > current_tracer; done");
                        TraceProcess trace = TraceProcess.start(guest, directory, "getppid", "nobody")) {
                    trace.await(TAKEN_BACK, 1);
                    Thread.sleep(random.nextInt(1000));
                    trace.kill();
                    guest.guest().execChecked("touch /tmp/enough");
                    assertThat(switching.await().status()).isZero();
                    guest.guest().execChecked("rm /tmp/enough");
                    before.assertBack(guest);
                }
            }
            assertThat(guest.console()).as("seed %d", SEED).isEqualTo(log);
        }
    }

    /// Waits until that has been said more often. Not each time room was made need be told.
    private static long awaitTakenBack(TraceProcess trace, long before) throws Exception {
        trace.await(TAKEN_BACK, before + 1);
        return trace.said(TAKEN_BACK);
    }

    /// What a tracer of the guest has written in a moment.
    private static String traced(TestGuest guest, String tracer, String filter) throws Exception {
        return guest.execChecked(TRACING + "echo '" + filter + "' > set_ftrace_filter && echo " + tracer
                + " > current_tracer && cat /proc/self/stat > /dev/null && head -n 200 trace;"
                + " echo nop > current_tracer && echo > set_ftrace_filter");
    }

    /// What a probe event has written in a moment.
    private static String probed(TestGuest guest, String event) throws Exception {
        return guest.execChecked(TRACING + "echo > trace; echo '" + event + "' > kprobe_events"
                + " && echo 1 > events/kprobes/mine/enable && sleep 1 && cat /proc/self/stat > /dev/null"
                + " && head -n 200 trace; echo 0 > events/kprobes/mine/enable; echo > kprobe_events");
    }

    // Behind the entry NOP and the instruction after it.
    private static int secondInstructionOfVfsRead(LinuxKernel kernel) throws GuestException {
        long address = kernel.coreSymbols()
                .address(kernel.coreSymbols().find("vfs_read").orElseThrow());
        CodeRegion text = kernel.code().regions().stream()
                .filter(region -> region.contains(address))
                .findFirst()
                .orElseThrow();
        byte[] code = new byte[64];
        MemorySegment.copy(text.bytes(), ValueLayout.JAVA_BYTE, address - text.baseAddress(), code, 0, code.length);
        int site = code[0] == 0x0f ? 0 : 4;
        int next = site + NOP_BYTES;
        InstructionDecoder decoder = new InstructionDecoder();
        int limit = code.length - InstructionDecoder.LOOKAHEAD_BYTES;
        return next + InstructionDecoder.length(decoder.decode(code, next, limit));
    }
}
