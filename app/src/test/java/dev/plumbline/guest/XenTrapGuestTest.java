package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import dev.plumbline.testbed.XenOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// `--engine trap` on domains of Xen, as Xen's own breakpoints serve it.
@Tag("guest")
@Timeout(400)
class XenTrapGuestTest {
    private static final long SEED = 20_261_127;
    private static final int KILLS = 4;
    private static final int LATEST_KILL_MILLIS = 1500;
    private static final int CALLS = 200;
    private static final int ATTEMPTS = 4;
    private static final String GUARDS = "grep -l after-[k]ill /proc/[0-9]*/cmdline 2> /dev/null";
    private static final String TRACE = "trace xen:newer --engine trap --syscall getppid,getdents64";
    private static final String LIST = "ls /etc";
    private static final String OF_LIST = " --syscall getdents64 --comm ls --format jsonl";

    private static XenHost host;
    private static XenDomain older;
    private static XenDomain newer;

    @BeforeAll
    static void boot() throws Exception {
        host = XenHost.boot(
                "xentrap-" + ProcessHandle.current().pid(),
                XenOptions.DEFAULT.withContent(Dom0Run.distribution()).withBreakpoints(true));
        older = host.start("older", DomainOptions.DEFAULT);
        newer = host.start(
                "newer", DomainOptions.DEFAULT.withKernel(GuestKernel.V6_12).withCpus(2));
    }

    @AfterAll
    static void end() throws Exception {
        if (host != null) {
            host.close();
        }
    }

    private static List<String> listed(XenDomain domain, String options) throws Exception {
        try (Dom0Run trace = Dom0Run.tracing(host, "trace xen:" + domain.name() + options + OF_LIST)) {
            domain.execChecked(LIST);
            return functions(trace.end());
        }
    }

    private static List<String> functions(List<String> lines) throws IOException {
        List<String> functions = new ArrayList<>();
        for (JsonNode flow : flows(lines)) {
            flow.get("calls")
                    .forEach(call -> functions.add(
                            call.get("depth") + " " + call.get("function").textValue()));
        }
        return functions;
    }

    private static List<JsonNode> flows(List<String> lines) throws IOException {
        List<JsonNode> flows = new ArrayList<>();
        for (String line : lines) {
            JsonNode read = new ObjectMapper().readTree(line);
            if (read.has("calls")) {
                flows.add(read);
            }
        }
        return flows;
    }

    private static void flowsLookTheSame(XenDomain domain) throws Exception {
        domain.execChecked(LIST);
        List<String> inline = listed(domain, " --whitelist shipped");
        List<String> trap = listed(domain, " --engine trap");
        for (int again = 1; again < ATTEMPTS && !trap.equals(inline); again++) {
            // A tick may have come in between, or an access time have had to be changed.
            inline = listed(domain, " --whitelist shipped");
            trap = listed(domain, " --engine trap");
        }
        assertThat(trap).isEqualTo(inline).contains("0 __x64_sys_getdents64", "1 iterate_dir");
    }

    @Test
    void flowsLookLikeThoseOfInlineProbes() throws Exception {
        flowsLookTheSame(older);
    }

    @Test
    void flowsLookLikeThoseOfInlineProbesOnTwoVcpus() throws Exception {
        flowsLookTheSame(newer);
    }

    @Test
    void everyCallOfTwoVcpusIsAHit() throws Exception {
        String loop = "syscall-loop " + CALLS;
        try (Dom0Run trace = Dom0Run.tracing(
                host, "trace xen:newer --engine trap --syscall getppid --comm syscall-loop --format jsonl")) {
            newer.execChecked(loop + " & " + loop + " & wait");
            assertThat(flows(trace.end())).hasSize(2 * CALLS);
        }
        assertThat(newer.execChecked("dmesg")).doesNotContain("BUG:", "WARNING:", "Oops", "stall");
    }

    @Test
    void aKprobeOfTheDomainsOwnGoesOnCounting() throws Exception {
        String tracing = "cd /sys/kernel/tracing && ";
        older.execChecked("echo 0 > /proc/sys/debug/kprobes-optimization; " + tracing
                + "echo 'p:entry iterate_dir' > kprobe_events && echo 'p:inside iterate_dir+5' >> kprobe_events"
                + " && echo 1 > events/kprobes/enable");
        try (Dom0Run trace = Dom0Run.tracing(host, "trace xen:older --engine trap" + OF_LIST)) {
            older.execChecked("for i in 1 2 3 4 5; do " + LIST + "; done > /dev/null");
            assertThat(flows(trace.end())).hasSize(10);
        }
        List<String> counts = older.execChecked(tracing + "cat kprobe_profile")
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .toList();
        older.execChecked(tracing + "echo 0 > events/kprobes/enable && echo > kprobe_events");
        assertThat(counts).containsExactly("entry 10 0", "inside 10 0");
    }

    @Test
    void whoIsKilledIsCleanedUpAfter() throws Exception {
        Random random = new Random(SEED);
        CodeInDomain before = CodeInDomain.of(newer);
        try (RunningCommand load = newer.withLimits(ExecLimits.DEFAULT.withTotal(Duration.ofMinutes(5)))
                .start("syscall-loop 250s & syscall-loop 250s & wait")) {
            for (int kill = 0; kill < KILLS; kill++) {
                try (Dom0Run trace = Dom0Run.tracing(host, TRACE)) {
                    Thread.sleep(random.nextInt(LATEST_KILL_MILLIS));
                    boolean isGuardKilled = random.nextBoolean();
                    if (isGuardKilled) {
                        host.dom0()
                                .execChecked("for each in $(%s); do kill -9 $(basename ${each%%/*}); done"
                                        .formatted(GUARDS));
                    }
                    trace.kill();
                    detach(isGuardKilled);
                }
                assertThat(newer.execChecked("echo alive")).isEqualTo("alive\n");
                before.assertNoBreakpointIsLeft();
            }
            assertThat(load.running()).isTrue();
        }
        assertThat(newer.execChecked("dmesg")).doesNotContain("BUG:", "WARNING:", "Oops");
    }

    // Without a guard there is something to take out, whenever the run was killed.
    private static void detach(boolean isGuardKilled) throws Exception {
        if (!isGuardKilled) {
            while (host.dom0().exec(GUARDS).status() == 0) {
                Thread.sleep(100);
            }
        }
        ExecResult detached = Dom0Run.of(host, "detach xen:newer");
        assertThat(detached.status()).as(detached.stderrText()).isZero();
        assertThat(detached.stderrText())
                .isEqualTo(isGuardKilled ? "the breakpoints are out\n" : "nothing of ours is in the guest\n");
    }

    @Test
    void inspectTellsWhatThisXenCanReport() throws Exception {
        JsonNode hypervisor = new ObjectMapper()
                .readTree(Dom0Run.of(host, "inspect xen:older --json").stdoutText())
                .get("hypervisor");
        assertThat(hypervisor.get("name").textValue()).startsWith("Xen 4.17.");
        assertThat(hypervisor.get("virtualisation").textValue()).isEqualTo("SVM");
        assertThat(hypervisor.get("events").toString()).contains("software-breakpoint");
    }

    @Test
    void oneRunAtATimeHasBreakpoints() throws GuestException, Exception {
        try (Dom0Run trace = Dom0Run.tracing(host, "trace xen:older --engine trap" + OF_LIST)) {
            ExecResult second = Dom0Run.of(host, "detach xen:older");
            assertThat(second.status()).isEqualTo(1);
            assertThat(second.stderrText())
                    .isEqualTo("plumbline: another run has its breakpoints in xen:older: end that run first\n");
            trace.end();
        }
    }
}
